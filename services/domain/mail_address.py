"""Validation of mail addresses as mail servers accept them (RFC 5321, RFC 6531). Pure."""

import re

MAX_LENGTH = 254
"""Characters of an address."""
MAX_LOCAL_LENGTH = 64
"""Bytes before the @."""
_LOCAL = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*")
_LABEL = re.compile(r"[^\W_](?:(?:[^\W_]|-){0,61}[^\W_])?")
_ENCODED = "=?"
"""Start of an encoded word (RFC 2047): a mail program would decode it to another address than the one written."""


def is_valid(text: str) -> bool:
    """Return whether mail can be sent to an address; quoted local parts and bracketed domains are not supported."""
    return ascii_domain(text) is not None


def ascii_domain(text: str) -> str | None:
    """Return an address with its domain in ASCII (IDNA), or None if it is not a valid address."""
    local, _, domain = text.rpartition("@")
    if len(text) > MAX_LENGTH or len(local.encode(errors="replace")) > MAX_LOCAL_LENGTH:
        return None
    if _ENCODED in text or not _LOCAL.fullmatch(local) or not all(map(_LABEL.fullmatch, domain.split("."))):
        return None
    try:
        return f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        return None
