"""A delivery: proof that a notice reached, or did not reach, its reader; the value of deliveries (R4.9, R5.7)."""

from typing import Annotated, ClassVar
from uuid import UUID

from msgspec import Meta

from schemas.base import AwareDatetime, CloudEvent, Record
from schemas.contact import Code, Name


class Delivery(Record):
    """One notice to one reader by one means. The address itself stays in the notifier's table."""

    TOPIC: ClassVar[str] = "deliveries"

    id: UUID
    """From the event and the audience: the same notice is never sent twice under two ids."""
    event_id: UUID
    ticket_id: UUID
    """A hot issue's own id when the notice is about one."""
    template: Code
    language: Code
    audience: Code
    """customer, unit, centre, supervisor ..."""
    means: Code
    """sms or mail."""
    state: Code
    """sent, delivered (the provider says so), failed, or obsolete (no longer true, so not sent)."""
    attempts: Annotated[int, Meta(ge=0)]
    """By this means; 0: it was not tried."""
    at: AwareDatetime
    provider_id: Name | None = None
    """What the gateway or mail server called it."""
    error: Name | None = None

    @property
    def cloud_event(self) -> CloudEvent:
        """What the record's headers say."""
        return CloudEvent(self.id, f"notice.{self.state}", self.at, self.ticket_id)
