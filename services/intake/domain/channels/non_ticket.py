"""What every channel does with a valid message that opens nothing."""

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
    """Return a message that is kept.

    Args:
        envelope: what our door knows.
        message_id: the channel's own id of it.
        reason: why it opens nothing.
        cause: what its id here is made of, where the channel's own id is a contact's as well.
        facts: what it says.
        about: the contact it tells something about.
        contact: what it would be as a contact.

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
