"""Simulates a policy pack without a running system: contacts and actions are routed and decided by the real rules.

The router's, the ledger's, the callback's and the notifier's domains work as they do in their services; what they keep
in tables stands here in memory. Nothing is sent, and time is what the caller says.
"""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from duban.rehearsal_input import RehearsalError
from duban.simulated_actor import simulated_actor
from schemas.action import Tick
from schemas.command import Action, Actor, Authority, Command
from schemas.contact import Contact
from schemas.event import Refusal, TicketEvent
from schemas.ticket import Classification, Status, Ticket
from services.callback.domain.call_capacity import CallCapacity
from services.callback.domain.plan import CallbackPlan, update_plan
from services.domain.ids import command_id, refusal_id
from services.domain.policy.pack import Pack
from services.domain.sla.thresholds import PAST
from services.domain.ticket_number import format_ticket_number
from services.ledger.domain.decide import decide
from services.ledger.domain.named_ticket import NamedTicket
from services.notifier.domain.notices import Notice, plan_notices
from services.router.domain.candidate import CandidateTicket
from services.router.domain.contact_command import commands_for, lines_before
from services.router.domain.decision import RoutingDecision
from services.router.domain.earlier_contact import EarlierContact, writer_of
from services.router.domain.history import RoutingHistory
from services.router.domain.message import CONVERSATION
from services.router.domain.route import route

ASKED = frozenset({Status.ANSWERED, Status.CLOSED})
"""Statuses in which a customer who was called back may still reply to the survey."""


@dataclass
class SimulatedTicket:
    """One ticket of a simulation.

    Attributes:
        contact: that opened it.
        routed: its classification when it was routed.
        ticket: its present state.
        events: all events so far.
        notices: every notice, with the event that it is about.
        plan: of its callback.
        further: contacts that joined it since.

    """

    contact: Contact
    routed: Classification
    ticket: Ticket
    events: list[TicketEvent] = field(default_factory=list)
    notices: list[tuple[TicketEvent, Notice]] = field(default_factory=list)
    plan: CallbackPlan | None = None
    further: tuple[Contact, ...] = ()

    def as_earlier(self) -> EarlierContact:
        """Return what the router knows of it."""
        ticket, latest = self.ticket, (self.contact, *self.further)[-1]
        names = tuple(each.customer.name for each in self.further if each.customer.name)
        candidate = CandidateTicket(
            ticket.id,
            ticket.status,
            ticket.closed_at,
            self.routed.business_type,
            self.routed.problem_type,
            self.contact.text,
            person="perhaps",
            asked=ticket.status in ASKED and ticket.callbacks > 0 and ticket.survey is None,
            kind=self.routed.kind,
            channel=latest.channel,
            conversation=latest.details.get(CONVERSATION),
            last_at=latest.received_at,
        )
        return EarlierContact(candidate, writer_of(self.contact), names)


@dataclass
class PolicySimulation:
    """The tickets of one story; call `receive` first, then `act` and `receive` as often as needed.

    Attributes:
        pack: the rules.
        tickets: in the order in which they were opened.
        chosen: which of them is looked at, from 0: the one that the last contact or action went to.
        routing: where the last contact went.
        refusal: of the last command, if it was refused.
        recent: events of the last contact or action, on all tickets.
        steps: number of commands so far, from which their ids are derived.
        held: lines of conversations that opened nothing yet.

    """

    pack: Pack
    tickets: list[SimulatedTicket] = field(default_factory=list)
    chosen: int = 0
    routing: RoutingDecision | None = None
    refusal: Refusal | None = None
    recent: list[TicketEvent] = field(default_factory=list)
    steps: int = 0
    held: list[Contact] = field(default_factory=list)
    _capacity: CallCapacity = field(default_factory=CallCapacity)

    @property
    def subject(self) -> SimulatedTicket:
        """The ticket that is looked at, with its events, notices and plan.

        Raises:
            RehearsalError: no contact has opened one; says why.

        """
        if not self.tickets:
            why = f": {self.routing.reason}" if self.routing is not None else ""
            raise RehearsalError(f"contact: there is no ticket{why}")
        return self.tickets[self.chosen]

    @property
    def ticket(self) -> Ticket | None:
        """The present state of the ticket that is looked at; None before `receive`."""
        return self.subject.ticket if self.tickets else None

    def choose(self, number: object) -> None:
        """Look at another ticket, by its number from 1.

        Raises:
            RehearsalError: there is none of that number; says how many there are.

        """
        known = len(self.tickets)
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= known:
            raise RehearsalError(f"ticket: {number!r} is none of the tickets: write a number from 1 to {known}")
        self.chosen = number - 1

    @property
    def events(self) -> list[TicketEvent]:
        """All events so far of the ticket that is looked at."""
        return self.subject.events if self.tickets else []

    def receive(self, contact: Contact) -> None:
        """Route a contact, by the rules of the router: it opens a ticket, or belongs to one of those there are."""
        self.recent = []
        history = self._history()
        self.routing = route(contact, self._candidates(contact, history), self.pack, contact.received_at)
        lines = history.record(contact, self.routing)
        self.held = history.held
        if self.routing.disposition in {"remind", "add"}:
            for each in self.tickets:
                if each.ticket.id == self.routing.ticket_id:
                    each.further = (*each.further, contact)
        commands = commands_for(contact, self.routing)
        for command in (*commands, *lines_before(lines, contact, self.routing)):
            self._decide(command, contact.received_at, contact, self.routing.classification)
        if commands:
            self._look_at(commands[0].ticket_id)

    def _look_at(self, ticket: UUID) -> None:
        """Look at the ticket to which a contact went, rather than at those that are linked to it."""
        self.chosen = next((n for n, each in enumerate(self.tickets) if each.ticket.id == ticket), self.chosen)

    def act(
        self,
        action: Action,
        at: datetime,
        unit: str | None,
        person: str | None = None,
        level: str | None = None,
        *,
        expected_version: int | None = None,
    ) -> None:
        """Take an action as a person of a unit; without a unit as the customer, or as the service that takes it.

        Args:
            action: what is done, to the ticket that is looked at.
            at: business time.
            unit: that acts.
            person: who acts for it; by default it is named as the unit.
            level: of the key's authority to compensate, for persons whom the pack does not name.
            expected_version: refused unless the ticket has this version.

        """
        actor, authority = simulated_actor(action, self.pack.header.name, unit, person, level)
        self.issue(action, at, actor, authority, expected_version=expected_version)

    def issue(
        self,
        action: Action,
        at: datetime,
        actor: Actor,
        authority: Authority | None,
        *,
        expected_version: int | None = None,
    ) -> None:
        """Take an action as an actor whom a door has identified.

        Args:
            action: what is done, to the ticket that is looked at.
            at: business time.
            actor: who takes it.
            authority: of the key; None for our own services and customers.
            expected_version: refused unless the ticket has this version.

        """
        self.recent = []
        id_ = self.subject.ticket.id
        at = at + PAST if isinstance(action, Tick) else at
        command = Command(
            id=self._next_id(),
            ticket_id=id_,
            at=at,
            actor=actor,
            policy=self.pack.header.name,
            expected_version=expected_version,
            action=action,
            authority=authority,
        )
        acted_on = self.chosen
        self._decide(command, at, None, None)
        self.chosen = acted_on

    def turn_away(self, at: datetime, code: str, message: str) -> None:
        """Have the door refuse a command to the ticket that is looked at; the ledger never sees it."""
        self.recent = []
        id_, ticket = self._next_id(), self.subject.ticket
        self.refusal = Refusal(
            id=refusal_id(id_), command_id=id_, ticket_id=ticket.id, at=at, code=code, message=message
        )

    def _next_id(self) -> UUID:
        self.steps += 1
        return command_id(self.subject.ticket.id, "simulation", self.steps)

    def _history(self) -> RoutingHistory:
        earlier = [self._surviving(each.as_earlier()) for each in reversed(self.tickets)]
        return RoutingHistory(earlier, list(self.held))

    def _candidates(self, contact: Contact, history: RoutingHistory) -> Iterable[CandidateTicket]:
        forms = {each.contact.call: (each.contact.id, each.ticket.id) for each in self.tickets if each.contact.call}
        numbered = {each.ticket.number: self._surviving(each.as_earlier()) for each in self.tickets}
        return history.candidates(contact, forms, numbered)

    def _surviving(self, earlier: EarlierContact) -> EarlierContact:
        """Return an earlier contact with the ticket that goes on in the place of one that was merged (DECISIONS 30)."""
        by_id = {each.ticket.id: each for each in self.tickets}
        found = by_id[earlier.ticket.ticket_id]
        while found.ticket.merged_into in by_id:
            found = by_id[found.ticket.merged_into]
        if found.ticket.id == earlier.ticket.ticket_id:
            return earlier
        other = found.as_earlier().ticket
        ticket = dataclasses.replace(
            earlier.ticket, ticket_id=other.ticket_id, status=other.status, closed_at=other.closed_at, asked=other.asked
        )
        return dataclasses.replace(earlier, ticket=ticket)

    def _decide(self, command: Command, at: datetime, contact: Contact | None, routed: Classification | None) -> None:
        """Decide a command, and what the ledger sends itself because of it; look at the ticket that it went to last."""
        position = next((n for n, each in enumerate(self.tickets) if each.ticket.id == command.ticket_id), None)
        present = self.tickets[position].ticket if position is not None else None
        decision = decide(
            present,
            command,
            self.pack,
            at,
            number=format_ticket_number(len(self.tickets) + 1, at, self.pack.header.zone),
            named={each.ticket.id: NamedTicket.of(each.ticket) for each in self.tickets if each.ticket is not present},
        )
        refusal = decision.refusal
        if position is None and decision.events:
            opening = contact if contact is not None else getattr(command.action, "contact", None)
            assert opening is not None
            ticket = decision.events[-1].ticket
            self.tickets.append(SimulatedTicket(opening, routed or ticket.classification, ticket))
            position = len(self.tickets) - 1
        if position is not None:
            self.chosen = position
            self._follow(self.tickets[position], decision.events, at)
        self.recent += decision.events
        for further in decision.commands:
            self._decide(further, at, contact, routed)
        # What the ledger sends itself afterwards is no part of the answer.
        self.refusal = refusal

    def _follow(self, simulated: SimulatedTicket, events: Iterable[TicketEvent], at: datetime) -> None:
        for event in events:
            simulated.ticket = event.ticket
            simulated.events.append(event)
            simulated.plan = update_plan(simulated.plan, event, self.pack, at, self._capacity)
            simulated.notices += [(event, notice) for notice in plan_notices(event, self.pack)]
