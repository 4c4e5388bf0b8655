"""Callback plans: whether, when and how a customer is asked about the outcome, in one run of a ticket (R5.3). Pure.

A customer is asked as long as the ticket's last answer stands and nothing has ended the callback. Then the ticket has
exactly one open plan, for its present run, or one that has come to its end.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from schemas.event import TicketEvent
from schemas.ticket import Status, Ticket
from services.callback.domain.call_capacity import CallCapacity, Team
from services.callback.domain.calling_hours import CallingHours, CallSlot, customer_zone
from services.domain.policy.conditions import Facts
from services.domain.policy.outcome import PHONE, CallbackRule
from services.domain.policy.pack import Pack

ANSWERED_STATUSES = frozenset({Status.ANSWERED, Status.CLOSED})
NEW_RUN_EVENTS = frozenset({"reopened", "rejected"})
"""Events that begin a new run of the ticket; the next event shows its status in it."""
UNREACHED = frozenset({"no_answer", "busy"})
PERSONAL_MEANS = frozenset({PHONE, "visit"})
"""Preferred means for which a person calls; a visit is arranged on the phone."""


@dataclass(frozen=True, slots=True)
class CallbackPlan:
    """The plan to ask one customer, in one run of a ticket.

    Attributes:
        ticket_id: the ticket.
        run: of the ticket; a reopening begins a new one.
        version: of the last event that changed the plan; older events change nothing.
        state: a plan is open while it is planned or asked.
        reason: the rule that created it, or what ended it.
        attempts: number of attempts so far.
        means: by which the customer is asked: phone, or one in writing.
        due_at, until_at: business time from and until which the customer may be asked; None once the plan has ended.
        policy: name of the pack.
        centre: in charge of the ticket; its staff call.
        zone: time zone of the customer; None: the pack's.
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
        """Whether the customer is still to be asked, or has time to answer."""
        return self.state in {"planned", "asked"}

    @property
    def team(self) -> Team:
        """The team that calls."""
        return self.policy, self.centre

    def hours(self, pack: Pack) -> CallingHours:
        """Return the hours in which the customer may be asked."""
        return CallingHours.of(pack, self.zone, self.contact_hours)

    def scheduled(self, wanted: CallSlot, hours: CallingHours, capacity: CallCapacity) -> "CallbackPlan":
        """Return the plan moved to a slot; a phone call takes the first slot from there on that the team has free."""
        slot = capacity.reserve(self.team, hours, wanted) if self.means == PHONE else wanted
        return replace(self, due_at=slot.due_at, until_at=slot.until_at)

    def ended(self, state: Literal["done", "cancelled"], reason: str) -> "CallbackPlan":
        """Return the plan closed in a final state."""
        return replace(self, state=state, reason=reason, due_at=None, until_at=None)


def update_plan(
    plan: CallbackPlan | None, event: TicketEvent, pack: Pack, now: datetime, capacity: CallCapacity
) -> CallbackPlan | None:
    """Return the plan of a ticket after an event: the same object when the event does not change it.

    Args:
        plan: of the ticket's latest run that has one.
        event: the next event of the ticket, or an older one, which changes nothing.
        pack: policy pack of the ticket.
        now: business time.
        capacity: of the teams that call.

    """
    if plan is not None and event.version <= plan.version:
        return plan
    ticket, rule = event.ticket, pack.outcome.callback
    ending = _ending(event, rule)
    if ending is not None:
        return replace(plan.ended(*ending), version=event.version) if plan is not None and plan.open else plan
    if plan is None or plan.run < ticket.run or plan.state == "cancelled":
        return _new_plan(event, pack, now, capacity)
    if not plan.open:
        return plan
    changed = _update_open_plan(plan, event, pack, now, capacity)
    return replace(changed, version=event.version) if changed is not plan else plan


def after_attempt(plan: CallbackPlan, pack: Pack, now: datetime) -> CallbackPlan:
    """Return the plan after an attempt in writing: due again when the customer had time to answer, or given up."""
    if plan.attempts >= pack.outcome.callback.attempts:
        return plan.ended("done", "no_answer")
    asked, hours = replace(plan, state="asked", attempts=plan.attempts + 1), plan.hours(pack)
    return asked.scheduled(hours.retry_slot(now, now), hours, CallCapacity())


def after_missed_hours(plan: CallbackPlan, pack: Pack, now: datetime, capacity: CallCapacity) -> CallbackPlan:
    """Return the plan moved to the next calling hours, since the customer was not asked in the last ones."""
    hours = plan.hours(pack)
    return plan.scheduled(hours.next_slot(now), hours, capacity)


def choose_means(rule: CallbackRule, ticket: Ticket, facts: Facts) -> str:
    """Return how the customer is asked: `phone`, where a person calls, or the rule's means in writing."""
    wanted = ticket.customer.preferred_means in PERSONAL_MEANS or rule.means == PHONE
    by_phone = wanted or any(condition.holds(facts) for condition in rule.by_phone)
    return PHONE if by_phone and ticket.known_customer.phone else rule.written_means


def _ending(event: TicketEvent, rule: CallbackRule) -> tuple[Literal["done", "cancelled"], str] | None:
    """Return the final state and reason if the customer is not to be asked (any more); None otherwise."""
    ticket = event.ticket
    if event.type in NEW_RUN_EVENTS:
        return "cancelled", event.type
    if ticket.survey is not None:
        return "done", "survey_answered"
    if ticket.callback_ended is not None:
        return "done", "callback_ended"
    if ticket.status not in ANSWERED_STATUSES:
        return "cancelled", event.type
    if ticket.classification.validity in rule.never_for:
        return "cancelled", ticket.classification.validity
    return None


def _new_plan(event: TicketEvent, pack: Pack, now: datetime, capacity: CallCapacity) -> CallbackPlan:
    ticket, rule = event.ticket, pack.outcome.callback
    facts = pack.facts_of(ticket)
    script = next((script.text for script in rule.scripts if script.when.holds(facts)), None)
    plan = CallbackPlan(
        ticket_id=ticket.id,
        run=ticket.run,
        version=event.version,
        state="planned",
        reason=rule.source,
        attempts=0,
        means=choose_means(rule, ticket, facts),
        due_at=None,
        until_at=None,
        policy=ticket.policy.pack,
        centre=ticket.centre,
        zone=customer_zone(rule, ticket.customer),
        contact_hours=ticket.customer.contact_hours,
        script=getattr(script, ticket.customer.language) if script is not None else None,
    )
    hours = plan.hours(pack)
    slot = hours.first_slot(event.at, now, vip=ticket.classification.vip)
    return plan.scheduled(slot, hours, capacity)


def _update_open_plan(
    plan: CallbackPlan, event: TicketEvent, pack: Pack, now: datetime, capacity: CallCapacity
) -> CallbackPlan:
    """Return an open plan after an event that does not end it."""
    rule, hours, customer = pack.outcome.callback, plan.hours(pack), event.ticket.known_customer
    if event.type == "called_back" and plan.means == PHONE and event.details.get("result") in UNREACHED:
        attempts = int(event.details["attempt"])
        if attempts < rule.attempts:
            asked = replace(plan, state="asked", attempts=attempts)
            return asked.scheduled(hours.retry_slot(event.at, now), hours, capacity)
        # No calls are left: the customer is asked once more, in writing (DECISIONS 19).
        last = replace(plan, state="asked", attempts=rule.attempts - 1, means=rule.written_means)
        return last.scheduled(hours.next_slot(max(event.at, now)), hours, capacity)
    if event.type == "callback_moved":
        wanted = datetime.fromisoformat(str(event.details["until"]))
        moved = replace(plan, means=PHONE if customer.phone else plan.means)
        return moved.scheduled(hours.next_slot(max(wanted, now)), hours, capacity)
    if event.type == "corrected":
        corrected = replace(
            plan,
            means=plan.means if customer.phone or plan.means != PHONE else rule.written_means,
            zone=customer_zone(rule, customer),
            contact_hours=customer.contact_hours,
        )
        # Its hours are over as soon as it is due: then it moves into the hours that the customer has now.
        return replace(corrected, until_at=plan.due_at) if corrected != plan else plan
    return plan
