"""Ids that come from their causes: the same cause always has the same id, so a repeat is known as one (DESIGN 3)."""

import hashlib
import hmac
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from schemas.command import Command
from schemas.contact import Contact, Customer

REPEATING = frozenset({"device_monitor"})
"""Channels of machines, which tell the same thing again and again, each time with what they measured last."""


def _space(kind: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"duban:{kind}")


_CONTACT = _space("contact")
_TICKET = _space("ticket")
_COMMAND = _space("command")
_EVENT = _space("event")
_REFUSAL = _space("refusal")
_NOTICE = _space("notice")


def _joined(parts: tuple[object, ...]) -> str:
    # The length in front keeps ("a/b", "c") and ("a", "b/c") apart.
    return "/".join(f"{len(text)}:{text}" for text in map(str, parts))


def contact_id(sender: str, channel: str, message_id: str) -> UUID:
    """Return the id of a contact: the same message of the same sender is the same contact (R2.4)."""
    return uuid5(_CONTACT, _joined((sender, channel, message_id)))


def ticket_id(contact: UUID) -> UUID:
    """Return the id of the ticket that a contact opens."""
    return uuid5(_TICKET, str(contact))


def command_id(cause: UUID | str, *parts: object) -> UUID:
    """Return the id of a command: its cause, and what tells it from the cause's other commands."""
    return uuid5(_COMMAND, _joined((cause, *parts)))


def event_id(ticket: UUID, version: int) -> UUID:
    """Return the id of event number `version` of a ticket."""
    # Made for every event: as `_joined` would write it, without its detours.
    number = str(version)
    return uuid5(_EVENT, f"36:{ticket}/{len(number)}:{number}")


def refusal_id(command: UUID) -> UUID:
    """Return the id of a command's refusal."""
    return uuid5(_REFUSAL, str(command))


def notice_id(event: UUID, audience: str) -> UUID:
    """Return the id of what one reader is told of one event (R4.9: exactly one notice)."""
    return uuid5(_NOTICE, _joined((event, audience)))


def record_key(customer: Customer, secret: str) -> bytes:
    """Return the record key of a contact: a keyed hash, so that no personal datum stands in it (DESIGN 1)."""
    first = customer.number or customer.phone or customer.identity or customer.address or customer.email or ""
    return hmac.new(secret.encode(), first.encode(), hashlib.sha256).hexdigest()[:32].encode()


def command_digest(command: Command) -> bytes:
    """Return what tells two commands under one id apart; when it came does not count."""
    asked = (command.ticket_id, command.actor, command.expected_version, command.action)
    return hashlib.sha256(msgspec.json.encode(asked)).digest()


def contact_digest(contact: Contact) -> bytes:
    """Return what tells two bodies under one id apart; what our door knows of the message does not count."""
    if contact.channel in REPEATING:
        return hashlib.sha256(contact.id.bytes).digest()
    customer = contact.customer.replace(switchboard=False)
    said = _told({**contact.replace(customer=customer).to_plain(), "received_at": None, "raw": None})
    return hashlib.sha256(msgspec.json.encode(said, order="sorted")).digest()


def _told(value: Any) -> Any:
    """Return a value without what nobody said, so that a field which a later version adds does not change it."""
    if isinstance(value, dict):
        return {name: _told(each) for name, each in value.items() if each not in (None, [], {}, False)}
    return value
