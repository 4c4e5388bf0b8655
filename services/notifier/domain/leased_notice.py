"""A notice that is to be sent now, and what becomes of one that reaches nobody. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, time
from typing import Any
from uuid import UUID, uuid5

from schemas.command import Actor, Command
from schemas.customer_actions import ReportUndeliverable
from services.domain.ids import command_id
from services.notifier.domain.obsolescence import TicketSnapshot, is_obsolete
from services.notifier.domain.quiet_hours import QuietHours

NAME = "notifier"
UNDELIVERABLE = "undeliverable"
"""The letter about a notice that reached nobody; one about itself would never end."""


@dataclass(frozen=True, slots=True)
class LeasedNotice:
    """A notice that this worker has to bring to its end.

    Attributes:
        turn: how often it has begun anew.
        begun_at: real time since which it waits to be sent by these means.
        leased_until: real time until which it is this worker's; it tells this worker's hold on it from any other.
        held_until: real time at which it goes in one letter with others of its address.
        standing: how its ticket stands; None: there is no ticket.

    """

    id: UUID
    event_id: UUID
    ticket_id: UUID
    ticket_number: str
    audience: str
    template: str
    language: str
    means: str
    address: str | None
    last_way: bool
    turn: int
    urgency: int
    until: str
    run: int
    clock: str | None
    quiet_from: time | None
    quiet_until: time | None
    zone: str | None
    paper: bool
    digest_over: int
    held_until: datetime | None
    context: dict[str, Any]
    state: str
    attempts: int
    begun_at: datetime
    leased_until: datetime
    waited: float
    settled_at: datetime | None
    provider_id: str | None
    error: str | None
    standing: TicketSnapshot | None

    def settled(
        self, state: str, at: datetime, *, provider_id: str | None = None, error: str | None = None
    ) -> "LeasedNotice":
        """Return it as it stands after the last attempt."""
        return replace(self, state=state, settled_at=at, provider_id=provider_id, error=error)

    @property
    def handed(self) -> UUID:
        """The id under which its present turn is handed over; another turn has another, so that a provider takes it."""
        return uuid5(self.id, f"turn/{self.turn}") if self.turn else self.id

    @property
    def obsolete(self) -> bool:
        """Whether its ticket has gone on so far that it is no longer true."""
        return self.standing is not None and is_obsolete(self.until, self.run, self.clock, self.standing)

    @property
    def quiet(self) -> QuietHours | None:
        """Hours in which it is not sent."""
        if self.quiet_from is None or self.quiet_until is None or self.zone is None:
            return None
        return QuietHours(self.quiet_from, self.quiet_until, self.zone)


def undeliverable(notice: LeasedNotice, at: datetime) -> Command | None:
    """Return what puts on a ticket's record that a notice reached nobody, so that a person sees to it (R5.7).

    None when there is nothing to put it on: a hot issue is no ticket.
    """
    if notice.state != "failed" or notice.standing is None or notice.template == UNDELIVERABLE:
        return None
    action = ReportUndeliverable(
        notice=notice.id, letter=notice.template, audience=notice.audience, reason=notice.error or "unknown"
    )
    return Command(
        id=command_id(notice.handed, "undeliverable"),
        ticket_id=notice.ticket_id,
        at=at,
        actor=Actor(kind="service", name=NAME),
        action=action,
    )
