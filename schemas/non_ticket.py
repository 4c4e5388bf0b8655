"""A valid message that opens nothing: kept, because somebody may ask for it, and because it may tell of something."""

from typing import ClassVar, Literal
from uuid import UUID

from msgspec import field

from schemas.base import AwareDatetime, CloudEvent, Record
from schemas.contact import Code, Contact, Name, Raw, Text

KeptReason = Literal["auto_reply", "bounce", "outgoing", "private_note", "event", "resolved", "empty", "history"]
"""Why it opens nothing: a machine answered, a mail of ours came back, our own staff wrote, the channel reports an event
of its own, an alert is over, nothing was said, or it is history from a data set."""


class NonTicket(Record):
    """One message that opened nothing."""

    TOPIC: ClassVar[str] = "contacts.kept"

    id: UUID
    """uuid5 of sender, channel and message id, as of a contact."""
    sender: Code
    channel: Code
    message_id: Name
    policy: Code
    received_at: AwareDatetime
    reason: KeptReason
    about: UUID | None = None
    """The contact it tells something about, such as the one that an alert made which is now over."""
    facts: dict[Code, Text] = field(default_factory=dict)
    """What it says, by name, such as resolved_at or failed_recipient."""
    contact: Contact | None = None
    """What it would be as a contact, of history."""
    raw: Raw | None = None

    @property
    def cloud_event(self) -> CloudEvent:
        """What the record's headers say."""
        return CloudEvent(self.id, f"contact.kept.{self.reason}", self.received_at, self.id)
