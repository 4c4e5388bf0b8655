"""A hot issue: many similar complaints within an hour (R3.7); the value of hot-issues."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID, uuid5

from msgspec import Meta

from schemas.base import AwareDatetime, CloudEvent, Record
from schemas.contact import Code, Name, Text

Count = Annotated[int, Meta(ge=0)]


class HotIssue(Record):
    """A hot issue (热点问题) after its change number `version`; of several changes within a second, only the last."""

    TOPIC: ClassVar[str] = "hot-issues"

    id: UUID
    version: Annotated[int, Meta(ge=1)]
    policy: Code
    """The policy pack that defines the types."""
    business_type: Code
    problem_type: Code
    region: Name
    """City of the customers; if unknown, the region that they visited or live in."""
    status: Literal["open", "calm", "closed"]
    opened_at: AwareDatetime
    updated_at: AwareDatetime
    recent: Count
    """Matching tickets accepted in the hour before this change and after the last such issue was closed."""
    usual: float | None = None
    """Their mean in the same hour of the day over the last four weeks; None if not known yet."""
    tickets: Count
    """Tickets linked to it so far; a ticket counts once, however often its customer reminds."""
    peak: Count
    """The largest number in any hour."""
    below_since: AwareDatetime | None = None
    """Since when fewer tickets came within an hour than half of the number that opens an issue."""
    calm_since: AwareDatetime | None = None
    closed_at: AwareDatetime | None = None
    closed_by: Name | None = None
    """The person who closed it, or the service itself after a day of calm."""
    reason: Text | None = None
    """Why it was closed."""

    @property
    def cloud_event(self) -> CloudEvent:
        """The CloudEvents attributes of the record."""
        id_ = uuid5(self.id, str(self.version))
        return CloudEvent(id_, f"hot_issue.{self.status}", self.updated_at, self.id)
