"""A ticket event: what changed, why, and the ticket after the change; the value of tickets.events."""

from typing import Annotated, Any, ClassVar
from uuid import UUID

import msgspec
from msgspec import Meta

from schemas.base import AwareDatetime, CloudEvent, Model, Record
from schemas.command import Actor
from schemas.contact import Code, Name
from schemas.ticket import Reason, SlaTimer, Ticket


class Fired(Model):
    """The threshold that an event decided; there is exactly one event for each (promise 4)."""

    clock: Code
    unit: Code | None = None
    """The assisting unit whose own clock it is."""
    run: int
    limit: int
    threshold: Code
    due_at: AwareDatetime
    outcome: Code
    """fired or settled."""
    reason: Code | None = None
    late: bool = False
    """Whether it was decided more than five seconds after its time, because no service watched it then."""


class TicketChange(Record):
    """Event number `version` of a ticket as the ledger stores it, without the ticket itself.

    `changes` holds the new value of every top-level field that changed, `clocks` the clocks that changed, whole; both
    together turn the previous state of the ticket into the next. A list in `changes` holds the items that were on the
    ticket, then the new ones, whole; the ticket keeps the latest of them (DECISIONS 38).
    """

    TOPIC: ClassVar[str] = "tickets.events"

    id: UUID
    """uuid5 of ticket id and version."""
    ticket_id: UUID
    version: Annotated[int, Meta(ge=1)]
    type: Code
    """accepted, dispatched, warned, breached, answered ..."""
    at: AwareDatetime
    """Business time of the change; never before that of the previous event."""
    recorded_at: AwareDatetime
    """Business time at which the ledger decided; recorded_at - at is the delay with which a threshold was noticed."""
    actor: Actor
    command_id: UUID
    rule: Reason
    """The rule that caused it."""
    threshold: Fired | None = None
    details: dict[str, Any] = msgspec.field(default_factory=dict)
    """Details for people: reasons, notes, explanations."""
    changes: dict[str, Any] = msgspec.field(default_factory=dict)
    clocks: tuple[SlaTimer, ...] = ()

    @property
    def cloud_event(self) -> CloudEvent:
        """The CloudEvents attributes of the record."""
        return CloudEvent(self.id, f"ticket.{self.type}", self.at, self.ticket_id)


class TicketEvent(TicketChange):
    """Event number `version` of a ticket.

    `changes` holds the new value of every top-level field that changed as it stands in `ticket`, `clocks` the clocks
    that changed. On the topic texts are cut and lists hold the latest items, so that an event is at most 96 KiB.
    """

    ticket: Ticket
    """The ticket after the change."""

    @property
    def change(self) -> TicketChange:
        """The event without the ticket."""
        return TicketChange(**{name: getattr(self, name) for name in TicketChange.__struct_fields__})

    @classmethod
    def of(cls, change: TicketChange, ticket: Ticket) -> "TicketEvent":
        """Combine a change with the ticket after it."""
        return cls(**{name: getattr(change, name) for name in TicketChange.__struct_fields__}, ticket=ticket)


class Refusal(Model):
    """Why the ledger refused a command; final, and returned to the caller."""

    id: UUID
    command_id: UUID
    ticket_id: UUID
    at: AwareDatetime
    code: Code
    message: Name
    """What is wrong and what to do, for people."""
    missing: tuple[Code, ...] = ()
    current_version: int | None = None
