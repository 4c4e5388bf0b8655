"""Deterministic ids: the same cause always yields the same id, so that repeats are recognised (DESIGN 3). Pure."""

import hashlib
import hmac
from datetime import datetime
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID

import msgspec

from schemas.command import Command
from schemas.contact import Contact, Customer

REPEATING = frozenset({"device_monitor"})
"""Channels of machines that resend an alert with new measurements; a changed body is the same message."""


_FIXED_BITS = 0xF << 76 | 0x3 << 62
_VERSION_5 = 0x5 << 76 | 0x2 << 62


def _uuid5(namespace: "hashlib._Hash", name: str) -> UUID:
    """Return what `uuid.uuid5` returns, at a quarter of its cost: each event and each notice asks for one.

    Args:
        namespace: SHA-1 that has read the bytes of the namespace.
        name: within it.

    """
    hashed = namespace.copy()
    hashed.update(name.encode())
    number = int.from_bytes(hashed.digest()[:16], "big") & ~_FIXED_BITS | _VERSION_5
    return msgspec.convert(number.to_bytes(16, "big"), UUID)


def _namespace(kind: str) -> "hashlib._Hash":
    of_urls = hashlib.sha1(NAMESPACE_URL.bytes, usedforsecurity=False)
    return hashlib.sha1(_uuid5(of_urls, f"duban:{kind}").bytes, usedforsecurity=False)


_HOT_ISSUE = hashlib.sha1(UUID("6f2a34e0-8f0b-5d0c-9a53-0f6f1c6f7a10").bytes, usedforsecurity=False)
_CONTACT = _namespace("contact")
_TICKET = _namespace("ticket")
_COMMAND = _namespace("command")
_EVENT = _namespace("event")
_REFUSAL = _namespace("refusal")
_NOTICE = _namespace("notice")


def _joined(parts: tuple[object, ...]) -> str:
    # The length in front keeps ("a/b", "c") and ("a", "b/c") apart.
    return "/".join(f"{len(text)}:{text}" for text in map(str, parts))


class IssueKey(NamedTuple):
    """A kind of complaint: what similar complaints have in common. A kind has at most one issue that is not closed."""

    policy: str
    business_type: str
    problem_type: str
    region: str


def hot_issue_id(key: IssueKey, opened_at: datetime) -> UUID:
    """Return the id of the hot issue of a kind that opened at an instant (R3.7)."""
    return _uuid5(_HOT_ISSUE, "\x1f".join((*key, opened_at.isoformat())))


def contact_id(sender: str, channel: str, message_id: str) -> UUID:
    """Return the id of a contact; the same message of the same sender is the same contact (R2.4)."""
    return _uuid5(_CONTACT, _joined((sender, channel, message_id)))


def ticket_id(contact: UUID) -> UUID:
    """Return the id of the ticket that a contact opens."""
    return _uuid5(_TICKET, str(contact))


def command_id(cause: UUID | str, *parts: object) -> UUID:
    """Return the id of a command.

    Args:
        cause: the id of what led to it, such as a contact or an event.
        parts: what distinguishes it from other commands of the same cause.

    """
    return _uuid5(_COMMAND, _joined((cause, *parts)))


def event_id(ticket: UUID, version: int) -> UUID:
    """Return the id of event number `version` of a ticket."""
    # Called for every event: the same text as from `_joined`, written directly because it is faster.
    number = str(version)
    return _uuid5(_EVENT, f"36:{ticket}/{len(number)}:{number}")


def refusal_id(command: UUID) -> UUID:
    """Return the id of the refusal of a command."""
    return _uuid5(_REFUSAL, str(command))


def notice_id(event: UUID, audience: str) -> UUID:
    """Return the id of the notice about one event to one audience (R4.9: exactly one notice)."""
    return _uuid5(_NOTICE, _joined((event, audience)))


def record_key(customer: Customer, secret: str) -> bytes:
    """Return the record key of a contact: a keyed hash, so that it holds no personal data (DESIGN 1)."""
    first = customer.number or customer.phone or customer.identity or customer.address or customer.email or ""
    return hmac.new(secret.encode(), first.encode(), hashlib.sha256).hexdigest()[:32].encode()


def command_digest(command: Command) -> bytes:
    """Return a digest that distinguishes two commands with one id; what the door stamps does not count."""
    plain = command.to_plain()
    actor = {**plain["actor"], "key": None, "proof": None}
    content = _without_empty({**plain, "id": None, "at": None, "policy": None, "authority": None, "actor": actor})
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).digest()


def contact_digest(contact: Contact) -> bytes:
    """Return a digest that distinguishes two contacts with one id; what intake itself adds does not count."""
    if contact.channel in REPEATING:
        return hashlib.sha256(contact.id.bytes).digest()
    customer = contact.customer.replace(switchboard=False)
    content = _without_empty({**contact.replace(customer=customer).to_plain(), "received_at": None, "raw": None})
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).digest()


def _without_empty(value: Any) -> Any:
    """Return a value without its empty fields, so that a field added in a later version does not change the digest."""
    if isinstance(value, dict):
        return {name: _without_empty(item) for name, item in value.items() if item not in (None, [], {}, False)}
    return value
