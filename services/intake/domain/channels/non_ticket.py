"""Builds the record of a valid message that opens no ticket, for all channels. Pure."""

from collections.abc import Mapping
from uuid import UUID

from schemas.contact import Contact
from schemas.non_ticket import KeptReason, NonTicket
from services.domain.ids import contact_id
from services.intake.domain.envelope import Envelope
from services.intake.domain.fields import MAX_TEXT_LENGTH, bounded_id


def build_non_ticket(
    envelope: Envelope,
    message_id: str,
    reason: KeptReason,
    *,
    cause: str | None = None,
    facts: Mapping[str, str] | None = None,
    about: UUID | None = None,
    contact: Contact | None = None,
) -> NonTicket:
    """Build the record of a message that is stored without opening a ticket.

    Args:
        envelope: the message as received.
        message_id: the channel's own id of the message.
        reason: why it opens no ticket.
        cause: what the record's id is derived from; needed where a contact has the same message id.
        facts: facts of the message, cut to the longest text.
        about: id of the contact that the message concerns.
        contact: the contact that historical data would have been.

    """
    return NonTicket(
        id=contact_id(envelope.sender, envelope.channel, cause or message_id),
        sender=envelope.sender,
        channel=envelope.channel,
        message_id=bounded_id(message_id),
        policy=envelope.policy,
        received_at=envelope.received_at,
        reason=reason,
        about=about,
        facts={name: value[:MAX_TEXT_LENGTH] for name, value in (facts or {}).items()},
        contact=contact,
        raw=envelope.raw(),
    )
