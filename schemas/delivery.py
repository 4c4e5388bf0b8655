"""A delivery: whether a notice reached its reader; the value of deliveries (R4.9, R5.7)."""

from typing import Annotated, ClassVar
from uuid import UUID

from msgspec import Meta

from schemas.base import AwareDatetime, CloudEvent, Record
from schemas.contact import Code, Name


class Delivery(Record):
    """The state of one notice to one reader by one means; the address is not published."""

    TOPIC: ClassVar[str] = "deliveries"

    id: UUID
    """Derived from the event and the audience, so that a notice never has two ids."""
    event_id: UUID
    ticket_id: UUID
    """The id of the hot issue, if the notice is about one."""
    template: Code
    language: Code
    audience: Code
    """customer, unit, centre, supervisor ..."""
    means: Code
    """sms or mail."""
    state: Code
    """sent, delivered (as reported by the provider), failed, or obsolete (no longer true, so not sent)."""
    attempts: Annotated[int, Meta(ge=0)]
    """Attempts by this means; 0 if it was not tried."""
    at: AwareDatetime
    provider_id: Name | None = None
    """The id that the gateway or mail server gave it."""
    error: Name | None = None

    @property
    def cloud_event(self) -> CloudEvent:
        """The CloudEvents attributes of the record."""
        return CloudEvent(self.id, f"notice.{self.state}", self.at, self.ticket_id)
