"""Mail addresses: whether mail servers accept them (RFC 5321, RFC 6531), and who writes from one. Pure."""

import re
from typing import Literal

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


MACHINES = re.compile(
    r"(no|do-?not|never)[-_.]?reply.*|mailer-daemon|postmaster|bounces?.*|notifications?|alerts?|robot|daemon|system"
)
"""Local parts behind which a program writes."""
OFFICES = frozenset(
    {
        *(
            "abuse",
            "accounts",
            "admin",
            "administrator",
            "billing",
            "contact",
            "customer",
            "customerservice",
            "enquiries",
        ),
        *(
            "feedback",
            "finance",
            "hello",
            "help",
            "hr",
            "info",
            "inquiry",
            "jobs",
            "kefu",
            "mail",
            "marketing",
            "media",
        ),
        *("news", "noc", "office", "press", "reception", "sales", "security", "service", "services", "support", "team"),
        *("webmaster", "www", "xinxi", "bangongshi", "zhongxin"),
    }
)
"""Local parts of mailboxes that several people read and write (RFC 2142 names the first of them)."""


def sharing(address: str) -> Literal["person", "office", "machine"]:
    """Return who writes from an address: one person, an office of several, or a program for anybody."""
    local = address.partition("@")[0].partition("+")[0].casefold()
    if MACHINES.fullmatch(local):
        return "machine"
    return "office" if local.rstrip("0123456789-_.") in OFFICES else "person"
