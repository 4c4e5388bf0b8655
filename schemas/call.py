"""A telephone call as the exchange recorded it; joined to the form that the operator filled in (R2.1)."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from msgspec import Meta

from schemas.base import AwareDatetime, CloudEvent, Model, Record
from schemas.contact import Code, Evidence, Name, Raw, Reference

Seconds = Annotated[int, Meta(ge=0, le=7 * 86_400)]


class Call(Model):
    """Facts of one call."""

    id: Annotated[str, Meta(min_length=1, max_length=200)]
    """The exchange's own id of the call, by which forms name it."""
    phone: Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{4,14}$")] | None = None
    """The caller, E.164; None when withheld."""
    withheld: bool = False
    """The caller did not show a number."""
    started_at: AwareDatetime | None = None
    answered_at: AwareDatetime | None = None
    """None when nobody answered."""
    ended_at: AwareDatetime | None = None
    waiting: Seconds | None = None
    """Seconds in the queue before an answer or the end."""
    talk: Seconds | None = None
    """Seconds of talk."""
    operator: Name | None = None
    recording: Reference | None = None
    """Where the recording is kept."""
    queue: Name | None = None
    ended_by: Literal["caller", "operator", "abandoned", "blind_transfer", "timeout"] | None = None
    rows: Annotated[int, Meta(ge=1)] = 1
    """Records of the exchange that tell of it."""

    @property
    def answered(self) -> bool:
        """Whether somebody spoke to the caller."""
        return self.answered_at is not None

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What the call leaves on a ticket: its recording, and the record of it in words."""
        told = (
            ("started", self.started_at.isoformat() if self.started_at else None),
            ("waited", f"{self.waiting} s" if self.waiting is not None else None),
            ("talked", f"{self.talk} s" if self.talk is not None else None),
            ("operator", self.operator),
            ("ended by", self.ended_by),
        )
        words = ", ".join(f"{name} {value}" for name, value in told if value)
        recording = (Evidence(kind="recording", reference=self.recording),) if self.recording is not None else ()
        return (*recording, Evidence(kind="call", reference=self.id, name=words[:200] or None))

    def merged(self, other: "Call") -> "Call":
        """Return what two records of one call say together: the one that was answered has the say."""
        first, second = (self, other) if self.answered or not other.answered else (other, self)
        told = {
            name: getattr(first, name) if getattr(first, name) is not None else getattr(second, name)
            for name in self.__struct_fields__
        }
        starts = [each.started_at for each in (first, second) if each.started_at is not None]
        ends = [each.ended_at for each in (first, second) if each.ended_at is not None]
        told["started_at"] = min(starts, default=None)
        told["ended_at"] = max(ends, default=None)
        told["withheld"] = told["phone"] is None and (first.withheld or second.withheld)
        return Call(**told)


class CallRecord(Record):
    """What an exchange recorded of a call, as one of its records or several together tell it."""

    TOPIC: ClassVar[str] = "calls"

    id: UUID
    """From sender, channel and what was told, so that a record which is sent again is the same record."""
    sender: Code
    channel: Code
    policy: Code
    """The pack under which a contact made of the call would run."""
    received_at: AwareDatetime
    call: Call
    raw: Raw | None = None

    @property
    def cloud_event(self) -> CloudEvent:
        """What the record's headers say."""
        return CloudEvent(self.id, "call.recorded", self.received_at, self.id)
