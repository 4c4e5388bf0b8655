"""Mail addresses that a mail server can be given (RFC 5321, RFC 6531); what only looks like one is none. Pure."""

import re

LONGEST = 254
LONGEST_LOCAL = 64
_LOCAL = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*")
_LABEL = re.compile(r"[^\W_](?:(?:[^\W_]|-){0,61}[^\W_])?")
_ENCODED = "=?"
"""Begins an encoded word: a mail program would read another address than the one that is written."""


def is_valid(text: str) -> bool:
    """Whether mail can be sent to an address; quoted names and addresses in brackets are not taken."""
    return ascii_domain(text) is not None


def ascii_domain(text: str) -> str | None:
    """Return an address with its domain as mail servers know it (IDNA), None when it is no address."""
    local, _, domain = text.rpartition("@")
    if len(text) > LONGEST or len(local.encode(errors="replace")) > LONGEST_LOCAL:
        return None
    if _ENCODED in text or not _LOCAL.fullmatch(local) or not all(map(_LABEL.fullmatch, domain.split("."))):
        return None
    try:
        return f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        return None
