"""A valid message that opens no ticket, such as a bounce; it is kept, and may be noted on an existing ticket."""

from typing import ClassVar, Literal
from uuid import UUID

from msgspec import field

from schemas.base import AwareDatetime, CloudEvent, Record
from schemas.contact import Code, Contact, Name, Raw, Text

KeptReason = Literal["auto_reply", "bounce", "outgoing", "private_note", "event", "resolved", "empty", "history"]
"""Why a message opens no ticket: an automatic reply, a bounce of our own mail, a message or note of our staff, an event
of the channel, an alert that is over, an empty message, or a record of a historical data set."""


class NonTicket(Record):
    """A message that opened no ticket."""

    TOPIC: ClassVar[str] = "contacts.kept"

    id: UUID
    """uuid5 of sender, channel and message id, like that of a contact."""
    sender: Code
    channel: Code
    message_id: Name
    policy: Code
    received_at: AwareDatetime
    reason: KeptReason
    about: UUID | None = None
    """The contact that it concerns, such as that of an alert which is now over."""
    facts: dict[Code, Text] = field(default_factory=dict)
    """Data of the message, by name, such as resolved_at or failed_recipient."""
    contact: Contact | None = None
    """The message as a contact, for history."""
    raw: Raw | None = None

    @property
    def cloud_event(self) -> CloudEvent:
        """The CloudEvents attributes of the record."""
        return CloudEvent(self.id, f"contact.kept.{self.reason}", self.received_at, self.id)
