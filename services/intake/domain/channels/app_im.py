"""Messages in apps: our own app's, and a Chatwoot inbox, whose webhook tells of all that happens there (R2.1)."""

from collections.abc import Mapping
from typing import Any

from schemas.non_ticket import KeptReason
from services.intake.domain.channels.mapped import MappedChannel
from services.intake.domain.channels.non_ticket import build_non_ticket
from services.intake.domain.envelope import Envelope, ParsedItem, parse_json_object
from services.intake.domain.mapping import ChannelMapping

INCOMING = ("incoming", 0)


def parse(envelope: Envelope, mapping: ChannelMapping) -> list[ParsedItem]:
    """Hear one message.

    Raises:
        Unusable: nothing can be made of it.

    """
    told = parse_json_object(envelope.body)
    reason = _non_ticket_reason(told) if "event" in told else None
    if reason is None:
        return [ParsedItem(MappedChannel(mapping).build(told, envelope))]
    # An event tells of a message that may be heard as a contact too, so its id has to be another.
    name = f"{told.get('event')}:{mapping.find_message_id(told) or ''}:{told.get('updated_at') or ''}"
    return [ParsedItem(build_non_ticket(envelope, name, reason))]


def _non_ticket_reason(told: Mapping[str, Any]) -> KeptReason | None:
    """Return why a webhook opens nothing, None when a customer wrote."""
    if told.get("event") != "message_created":
        return "event"
    if told.get("private") is True:
        return "private_note"
    if told.get("message_type") not in INCOMING:
        return "outgoing"
    return None if told.get("content") or told.get("attachments") or "id" not in told else "empty"
