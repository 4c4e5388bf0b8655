"""Adapter for app and instant messages: our own app, and the webhook of a Chatwoot inbox (R2.1). Pure."""

from collections.abc import Mapping
from typing import Any

from schemas.non_ticket import KeptReason
from services.intake.domain.channels.mapped import MappedChannel
from services.intake.domain.channels.non_ticket import build_non_ticket
from services.intake.domain.envelope import Envelope, ParsedItem, parse_json_object
from services.intake.domain.mapping import ChannelMapping

INCOMING = ("incoming", 0)
"""How Chatwoot marks a message that a customer wrote."""


def parse(envelope: Envelope, mapping: ChannelMapping) -> list[ParsedItem]:
    """Parse one message; a Chatwoot event that is no customer's message becomes a non-ticket.

    Raises:
        InvalidPayload: no contact can be built from it.

    """
    message = parse_json_object(envelope.body)
    reason = _non_ticket_reason(message) if "event" in message else None
    if reason is None:
        return [ParsedItem(MappedChannel(mapping).build(message, envelope))]
    # An event may concern a message that is a contact as well, so it needs an id of its own.
    id_ = f"{message.get('event')}:{mapping.find_message_id(message) or ''}:{message.get('updated_at') or ''}"
    return [ParsedItem(build_non_ticket(envelope, id_, reason))]


def _non_ticket_reason(event: Mapping[str, Any]) -> KeptReason | None:
    """Return why a Chatwoot event opens no ticket, None when a customer wrote."""
    if event.get("event") != "message_created":
        return "event"
    if event.get("private") is True:
        return "private_note"
    if event.get("message_type") not in INCOMING:
        return "outgoing"
    return None if event.get("content") or event.get("attachments") or "id" not in event else "empty"
