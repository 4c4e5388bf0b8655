"""Who is asked when and how: a plan follows its ticket's events and what came of each attempt (R5.3). Pure.

A ticket is to be asked about while its last answer stands and nothing ended the asking; then it has exactly one open
plan, of its present run, or one that came to its end.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from schemas.event import TicketEvent
from schemas.ticket import Status, Ticket
from services.callback.domain.call_capacity import CallCapacity, Team
from services.callback.domain.calling_hours import CallingHours, CallSlot, zone_of
from services.domain.policy.conditions import Facts
from services.domain.policy.outcome import PHONE, CallbackRule
from services.domain.policy.pack import Pack

TOLD = frozenset({Status.ANSWERED, Status.CLOSED})
ANEW = frozenset({"reopened", "rejected"})
"""Events that begin a new run; where its ticket goes is told by the event after."""
IN_VAIN = frozenset({"no_answer", "busy"})
BY_A_PERSON = frozenset({PHONE, "visit"})
"""Wishes that a person sees to: who wants a visit is called to arrange it."""


@dataclass(frozen=True, slots=True)
class CallbackPlan:
    """A customer who is asked how it was, in one run of a ticket.

    Attributes:
        ticket_id: the ticket.
        run: of the ticket; a reopening begins a new one.
        version: of the last event that changed the plan: older ones change nothing.
        state: planned and asked are open.
        reason: the rule that planned it, or what ended it.
        attempts: made so far.
        means: by which the customer is asked.
        due_at, until_at: business time from and until which the customer may be asked; both None when it is over.
        policy: name of the pack.
        centre: in charge of the ticket, so its people call.
        zone: where the customer is; None: where the pack is.
        contact_hours: the customer's own.
        script: what the caller says.

    """

    ticket_id: UUID
    run: int
    version: int
    state: Literal["planned", "asked", "done", "cancelled"]
    reason: str
    attempts: int
    means: str
    due_at: datetime | None
    until_at: datetime | None
    policy: str
    centre: str
    zone: str | None = None
    contact_hours: str | None = None
    script: str | None = None

    @property
    def open(self) -> bool:
        """Whether something is still to be done."""
        return self.state in {"planned", "asked"}

    @property
    def team(self) -> Team:
        """Who calls."""
        return self.policy, self.centre

    def hours(self, pack: Pack) -> CallingHours:
        """Return when the customer may be asked."""
        return CallingHours.of(pack, self.zone, self.contact_hours)

    def at(self, turn: CallSlot, hours: CallingHours, calls: CallCapacity) -> "CallbackPlan":
        """Return the plan for another time: a call has its place among the team's."""
        placed = calls.place(self.team, hours, turn) if self.means == PHONE else turn
        return replace(self, due_at=placed.due_at, until_at=placed.until_at)

    def ended(self, state: Literal["done", "cancelled"], reason: str) -> "CallbackPlan":
        """Return the plan with nothing left to do."""
        return replace(self, state=state, reason=reason, due_at=None, until_at=None)


def follow(
    plan: CallbackPlan | None, event: TicketEvent, pack: Pack, now: datetime, calls: CallCapacity
) -> CallbackPlan | None:
    """Return the plan of a ticket after an event: the same object when the event does not change it.

    Args:
        plan: of the ticket's latest run that has one.
        event: the next of the ticket's events, or one that was there already.
        pack: the policy.
        now: business time.
        calls: of the teams.

    """
    if plan is not None and event.version <= plan.version:
        return plan
    ticket, rule = event.ticket, pack.outcome.callback
    over = _over(event, rule)
    if over is not None:
        return replace(plan.ended(*over), version=event.version) if plan is not None and plan.open else plan
    if plan is None or plan.run < ticket.run or plan.state == "cancelled":
        return _first(event, pack, now, calls)
    if not plan.open:
        return plan
    changed = _changed(plan, event, pack, now, calls)
    return replace(changed, version=event.version) if changed is not plan else plan


def asked(plan: CallbackPlan, pack: Pack, now: datetime) -> CallbackPlan:
    """Return the plan after an attempt in writing: until when the customer has time to answer, or it is over."""
    if plan.attempts >= pack.outcome.callback.attempts:
        return plan.ended("done", "no_answer")
    again = replace(plan, state="asked", attempts=plan.attempts + 1)
    return again.at(again.hours(pack).again(now, now), again.hours(pack), CallCapacity())


def missed(plan: CallbackPlan, pack: Pack, now: datetime, calls: CallCapacity) -> CallbackPlan:
    """Return the plan for the next hours in which the customer may be asked: those it was made for are over."""
    hours = plan.hours(pack)
    return plan.at(hours.within(now), hours, calls)


def means(rule: CallbackRule, ticket: Ticket, facts: Facts) -> str:
    """Return how the customer is asked: by a person's call, or in writing."""
    wanted = ticket.customer.preferred_means in BY_A_PERSON or rule.means == PHONE
    called = wanted or any(each.holds(facts) for each in rule.by_phone)
    return PHONE if called and ticket.customer.phone else rule.written_means


def _over(event: TicketEvent, rule: CallbackRule) -> tuple[Literal["done", "cancelled"], str] | None:
    """Return how and why the customer is not asked (any more); None while one is."""
    ticket = event.ticket
    if event.type in ANEW:
        return "cancelled", event.type
    if ticket.survey is not None:
        return "done", "survey_answered"
    if ticket.callback_ended is not None:
        return "done", "callback_ended"
    if ticket.status not in TOLD:
        return "cancelled", event.type
    if ticket.classification.validity in rule.never_for:
        return "cancelled", ticket.classification.validity
    return None


def _first(event: TicketEvent, pack: Pack, now: datetime, calls: CallCapacity) -> CallbackPlan:
    ticket, rule = event.ticket, pack.outcome.callback
    facts = pack.facts_of(ticket)
    script = next((each.text for each in rule.scripts if each.when.holds(facts)), None)
    plan = CallbackPlan(
        ticket_id=ticket.id,
        run=ticket.run,
        version=event.version,
        state="planned",
        reason=rule.source,
        attempts=0,
        means=means(rule, ticket, facts),
        due_at=None,
        until_at=None,
        policy=ticket.policy.pack,
        centre=ticket.centre,
        zone=zone_of(rule, ticket.customer),
        contact_hours=ticket.customer.contact_hours,
        script=getattr(script, ticket.customer.language) if script is not None else None,
    )
    hours = plan.hours(pack)
    return plan.at(hours.first(event.at, now, vip=ticket.classification.vip), hours, calls)


def _changed(plan: CallbackPlan, event: TicketEvent, pack: Pack, now: datetime, calls: CallCapacity) -> CallbackPlan:
    """Return an open plan after an event that leaves it open."""
    rule, hours, customer = pack.outcome.callback, plan.hours(pack), event.ticket.customer
    if event.type == "called_back" and plan.means == PHONE and event.details.get("result") in IN_VAIN:
        attempts = int(event.details["attempt"])
        if attempts < rule.attempts:
            return replace(plan, state="asked", attempts=attempts).at(hours.again(event.at, now), hours, calls)
        # The calls are used up: asked once more, in writing (DECISIONS 19).
        last = replace(plan, state="asked", attempts=rule.attempts - 1, means=rule.written_means)
        return last.at(hours.within(max(event.at, now)), hours, calls)
    if event.type == "callback_moved":
        wanted = datetime.fromisoformat(str(event.details["until"]))
        called = replace(plan, means=PHONE if customer.phone else plan.means)
        return called.at(hours.within(max(wanted, now)), hours, calls)
    if event.type == "corrected":
        corrected = replace(
            plan,
            means=plan.means if customer.phone or plan.means != PHONE else rule.written_means,
            zone=zone_of(rule, customer),
            contact_hours=customer.contact_hours,
        )
        # Over as soon as it is due: then it moves into the hours that the customer has now.
        return replace(corrected, until_at=plan.due_at) if corrected != plan else plan
    return plan
