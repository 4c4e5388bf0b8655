"""A telephone call as the exchange recorded it; it is joined to the form that the operator completed (R2.1)."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from msgspec import Meta

from schemas.base import AwareDatetime, CloudEvent, Model, Record
from schemas.contact import Code, Evidence, Name, Raw, Reference

Seconds = Annotated[int, Meta(ge=0, le=7 * 86_400)]


class Call(Model):
    """Data of one telephone call."""

    id: Annotated[str, Meta(min_length=1, max_length=200)]
    """The exchange's id of the call, to which forms refer."""
    phone: Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{4,14}$")] | None = None
    """Number of the caller, E.164; None if withheld."""
    withheld: bool = False
    """Whether the caller withheld the number."""
    started_at: AwareDatetime | None = None
    answered_at: AwareDatetime | None = None
    """None if nobody answered."""
    ended_at: AwareDatetime | None = None
    waiting: Seconds | None = None
    """Seconds in the queue before the call was answered or ended."""
    talk: Seconds | None = None
    """Seconds of talk."""
    operator: Name | None = None
    recording: Reference | None = None
    """Where the recording is kept."""
    queue: Name | None = None
    ended_by: Literal["caller", "operator", "abandoned", "blind_transfer", "timeout"] | None = None
    rows: Annotated[int, Meta(ge=1)] = 1
    """Number of records of the exchange about the call."""

    @property
    def answered(self) -> bool:
        """Whether somebody answered the call."""
        return self.answered_at is not None

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The evidence that a ticket gets from the call: its recording, and its data as text."""
        data = (
            ("started", self.started_at.isoformat() if self.started_at else None),
            ("waited", f"{self.waiting} s" if self.waiting is not None else None),
            ("talked", f"{self.talk} s" if self.talk is not None else None),
            ("operator", self.operator),
            ("ended by", self.ended_by),
        )
        text = ", ".join(f"{name} {value}" for name, value in data if value)
        recording = (Evidence(kind="recording", reference=self.recording),) if self.recording is not None else ()
        return (*recording, Evidence(kind="call", reference=self.id, name=text[:200] or None))

    def merged(self, other: "Call") -> "Call":
        """Return the data of two records of one call together; the record that was answered takes precedence."""
        first, second = (self, other) if self.answered or not other.answered else (other, self)
        values = {
            name: getattr(first, name) if getattr(first, name) is not None else getattr(second, name)
            for name in self.__struct_fields__
        }
        starts = [call.started_at for call in (first, second) if call.started_at is not None]
        ends = [call.ended_at for call in (first, second) if call.ended_at is not None]
        values["started_at"] = min(starts, default=None)
        values["ended_at"] = max(ends, default=None)
        values["withheld"] = values["phone"] is None and (first.withheld or second.withheld)
        return Call(**values)


class CallRecord(Record):
    """The data of a call from one record of the exchange, or from several records together."""

    TOPIC: ClassVar[str] = "calls"

    id: UUID
    """Derived from sender, channel and content, so that a record which is sent again has the same id."""
    sender: Code
    channel: Code
    policy: Code
    """The policy pack of a contact that is made of the call."""
    received_at: AwareDatetime
    call: Call
    raw: Raw | None = None

    @property
    def cloud_event(self) -> CloudEvent:
        """The CloudEvents attributes of the record."""
        return CloudEvent(self.id, "call.recorded", self.received_at, self.id)
