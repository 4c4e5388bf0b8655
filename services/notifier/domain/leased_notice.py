"""A notice leased by a delivery worker, and the command that reports one that reached nobody. Pure."""

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
"""The letter about a notice that reached nobody; a failure of this letter is not reported, or it would never end."""


@dataclass(frozen=True, slots=True)
class LeasedNotice:
    """A notice that this worker has to send or settle; fields come in the order of the statement `lease`.

    Attributes:
        means: delivery channel by which it is sent now.
        last_way: whether no other channel is left after this one.
        generation: how often it has started again, on another channel or by hand.
        begun_at: real time since which it waits to be sent by its present channel.
        leased_until: real time until which the lease is held; it distinguishes this worker's lease from any other.
        waited: real seconds since `begun_at`.
        held_until: real time at which it goes in one letter with others to its address.
        settled_at: business time.
        snapshot: state of its ticket; None: the notice is about no ticket.

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
    generation: int
    urgency: int
    until: str
    run: int
    clock: str | None
    quiet_from: time | None
    quiet_until: time | None
    zone: str | None
    attach_pdf: bool
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
    snapshot: TicketSnapshot | None

    def as_settled(
        self, state: str, at: datetime, *, provider_id: str | None = None, error: str | None = None
    ) -> "LeasedNotice":
        """Return a copy with the outcome of its last attempt; `at` is business time."""
        return replace(self, state=state, settled_at=at, provider_id=provider_id, error=error)

    @property
    def send_id(self) -> UUID:
        """The id sent to the provider; each generation has another, so that a provider does not drop it as a repeat."""
        return uuid5(self.id, f"turn/{self.generation}") if self.generation else self.id

    @property
    def obsolete(self) -> bool:
        """Whether the notice is no longer true, given the state of its ticket."""
        return self.snapshot is not None and is_obsolete(self.until, self.run, self.clock, self.snapshot)

    @property
    def quiet_hours(self) -> QuietHours | None:
        """Hours in which it is not sent; None: it is sent at any hour."""
        if self.quiet_from is None or self.quiet_until is None or self.zone is None:
            return None
        return QuietHours(self.quiet_from, self.quiet_until, self.zone)


def undeliverable_command(notice: LeasedNotice, at: datetime) -> Command | None:
    """Return the command that records on the ticket that a notice reached nobody, so that a person acts (R5.7).

    None unless the notice failed, and None for a notice about no ticket, such as one about a hot issue.
    """
    if notice.state != "failed" or notice.snapshot is None or notice.template == UNDELIVERABLE:
        return None
    action = ReportUndeliverable(
        notice=notice.id, letter=notice.template, audience=notice.audience, reason=notice.error or "unknown"
    )
    return Command(
        id=command_id(notice.send_id, "undeliverable"),
        ticket_id=notice.ticket_id,
        at=at,
        actor=Actor(kind="service", name=NAME),
        action=action,
    )
