"""A hot issue: many similar complaints within an hour (R3.7); the value of hot-issues."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID, uuid5

from msgspec import Meta

from schemas.base import AwareDatetime, CloudEvent, Record
from schemas.contact import Code, Name, Text

Count = Annotated[int, Meta(ge=0)]


class HotIssue(Record):
    """A hot issue (热点问题) as it stands after its change number `version`; of several within a second, the last."""

    TOPIC: ClassVar[str] = "hot-issues"

    id: UUID
    version: Annotated[int, Meta(ge=1)]
    policy: Code
    """The pack whose types are meant."""
    business_type: Code
    problem_type: Code
    region: Name
    """City, or else the region where the customer was or is at home."""
    status: Literal["open", "calm", "closed"]
    opened_at: AwareDatetime
    updated_at: AwareDatetime
    recent: Count
    """Tickets of the kind accepted in the hour before this change, but none from before the last issue of it closed."""
    usual: float | None = None
    """Their mean in this hour of the day over the last four weeks; None: not known yet."""
    tickets: Count
    """Linked to it so far; a ticket counts once, however often its customer reminds."""
    peak: Count
    """The most there were in one hour."""
    below_since: AwareDatetime | None = None
    """Since when fewer than half of what opens an issue came in an hour."""
    calm_since: AwareDatetime | None = None
    closed_at: AwareDatetime | None = None
    closed_by: Name | None = None
    """A person, or the service itself after a day of calm."""
    reason: Text | None = None
    """What the person who closed it said."""

    @property
    def cloud_event(self) -> CloudEvent:
        """What the record's headers say."""
        id_ = uuid5(self.id, str(self.version))
        return CloudEvent(id_, f"hot_issue.{self.status}", self.updated_at, self.id)
