"""Takes one move from a ticket with the real rules, and keeps what it came to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from duban.proving.findings import Finding, crash
from duban.proving.moves import Act, Move
from duban.proving.openings import Opening
from duban.proving.other_acts import named_tickets
from duban.proving.time_moves import moment, put_off
from schemas.action import Open
from schemas.command import Actor, Command
from schemas.event import Refusal, TicketEvent
from schemas.ticket import SlaTimer, Ticket
from services.domain.ids import ticket_id
from services.domain.policy.pack import Pack
from services.ledger.domain.decide import decide
from services.ledger.domain.named_ticket import named_by

NO_TIME = timedelta(0)
FORMER = "former_clock"


@dataclass(frozen=True, slots=True)
class Step:
    """What one act of a move came to.

    Attributes:
        before: the ticket before it, with the instants that time has put off.
        act: what was done.
        events: what happened.
        commands: what the ledger sends itself.
        refusal: why the act changed nothing.
        crash: what is found if the rules raise an error.

    """

    before: Ticket
    act: Act
    events: tuple[TicketEvent, ...] = ()
    commands: tuple[Command, ...] = ()
    refusal: Refusal | None = None
    crash: Finding | None = None

    @property
    def after(self) -> Ticket:
        """The ticket after it."""
        return self.events[-1].ticket if self.events else self.before


def opened(opening: Opening, pack: Pack) -> Step:
    """Return the step that opens a ticket for a contact."""
    id_, at = ticket_id(opening.contact.id), opening.contact.received_at
    act = Act(Open(contact=opening.contact, classification=opening.classification))
    actor = Actor(kind="service", name="router")
    policy = pack.header.name
    command = Command(id=UUID(int=0), ticket_id=id_, at=at, actor=actor, policy=policy, action=act.action)
    events = decide(None, command, pack, at, number="T1").events
    return Step(events[-1].ticket, act, events)


def take(ticket: Ticket, move: Move, pack: Pack) -> list[Step]:
    """Return what each act of a move comes to; nothing where the threshold of the move is not there."""
    steps: list[Step] = []
    if move.former:
        ticket = formerly(ticket)
    for act in move.acts:
        at = moment(ticket, move)
        if at is None:
            break
        step = decided(put_off(ticket, at, pack, move if move.clock is not None else None), act, at, pack)
        steps.append(step)
        if step.refusal is not None or step.crash is not None:
            break
        ticket = step.after
    return steps


def decided(ticket: Ticket, act: Act, at: datetime, pack: Pack) -> Step:
    """Return what an act at an instant comes to; an error of the rules is a result as well."""
    command = act.command(ticket, ticket.version).replace(at=at)
    named = named_tickets(ticket) if named_by(command, ticket) is not None else {}
    try:
        result = decide(ticket, command, pack, at, number=ticket.number, named=named)
    except Exception as error:  # noqa: BLE001 - whatever the rules raise is what is looked for
        return Step(ticket, act, crash=crash(act.action.type, error))
    return Step(ticket, act, result.events, result.commands, result.refusal)


def formerly(ticket: Ticket) -> Ticket:
    """Return a ticket whose clocks also have one that a former version of the pack had, and that this one has not."""
    running = next((timer for timer in ticket.clocks if timer.running and timer.unit is None), None)
    return ticket if running is None else ticket.replace(clocks=(*ticket.clocks, running.replace(name=FORMER)))


def waited(before: timedelta, steps: Sequence[Step]) -> timedelta:
    """Return how long a ticket has waited in its run: counted here, not taken from the ticket's own account."""
    for step in steps:
        ticket = step.before
        for event in step.events:
            if event.ticket.run != ticket.run:
                before = NO_TIME
            elif ticket.suspended is not None and event.ticket.suspended is None and ticket.waiting_since is not None:
                before += event.at - ticket.waiting_since
            ticket = event.ticket
    return before


def reduced(ticket: Ticket) -> Ticket:
    """Return a ticket without what its future does not depend on: the record, and clocks of earlier runs."""
    latest = {(timer.name, timer.unit): timer.run for timer in ticket.clocks}
    kept: tuple[SlaTimer, ...] = tuple(
        timer for timer in ticket.clocks if timer.stopped_at is None or timer.run == latest[timer.name, timer.unit]
    )
    classification = ticket.classification
    if classification.reasons:
        classification = classification.replace(reasons=())
    return ticket.replace(
        clocks=kept, entries=(), evidence=(), links=(), compensations=(), classification=classification
    )
