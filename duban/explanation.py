"""Explains a rehearsed case: each decision, clock, notice, callback and figure, with the rule behind it (R7.4)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from duban.case_file import CaseCommand, ContactCase
from duban.policy_simulation import PolicySimulation, SimulatedTicket
from duban.rehearsal_input import RehearsalError, build_contact, check_actor
from duban.rehearsed_facts import NO_PLAN, clock_state, counted_in, every_timer, format_part, plan_values, warnings_at
from schemas.action import Dispatch, Tick
from schemas.event import Refusal, TicketEvent
from schemas.ticket import Reason, SlaTimer, Status
from services.callback.domain.plan import choose_means
from services.domain.classify import centre_reason
from services.domain.policy.notices import CUSTOMER
from services.domain.policy.pack import Pack
from services.notifier.domain.notices import Notice

INSTANTS = frozenset({"due", "until"})
"""Values of a callback plan whose names end in `_at` in a document."""


@dataclass(frozen=True)
class TakenCommand:
    """A command of a case, with what became of it."""

    planned: CaseCommand
    events: tuple[TicketEvent, ...]
    refusal: Refusal | None


@dataclass(frozen=True)
class Explanation:
    """A case that was rehearsed.

    Attributes:
        simulation: its tickets.
        at: the time at which the clocks are looked at.
        commands: what happened after the first contact.
        if_dispatched: the first ticket as it would be, were it dispatched at once to the department that the rules
            name; only for a contact without commands.

    """

    simulation: PolicySimulation
    at: datetime
    commands: tuple[TakenCommand, ...]
    if_dispatched: SimulatedTicket | None

    def as_json(self) -> dict[str, Any]:
        """Return the explanation as a JSON object; every time is in the pack's zone."""
        pack = self.simulation.pack
        first, *further = (self._of_ticket(each) for each in self.simulation.tickets)
        document: dict[str, Any] = {
            "pack": pack.header.name,
            "version": pack.header.version,
            "title": {"zh": pack.header.title.zh, "en": pack.header.title.en},
            "zone": pack.header.zone,
            "at": self.at,
            **first,
            "commands": [_of_command(command) for command in self.commands],
            "further_tickets": further,
        }
        if self.if_dispatched is not None:
            known = {timer.key for timer in every_timer(self.simulation.tickets[0])}
            begun = [timer for timer in every_timer(self.if_dispatched) if timer.key not in known]
            document["if_dispatched_at_once"] = {
                "unit": self.if_dispatched.ticket.unit,
                "clocks": [_of_timer(timer, pack) for timer in begun],
            }
        localised: dict[str, Any] = _in_zone(document, ZoneInfo(pack.header.zone))
        return localised

    def _of_ticket(self, simulated: SimulatedTicket) -> dict[str, Any]:
        ticket, pack = simulated.ticket, self.simulation.pack
        found = ticket.classification
        return {
            "number": ticket.number,
            "status": ticket.status.value,
            "received_at": simulated.contact.received_at,
            "contacted_at": ticket.contacted_at,
            "kind": found.kind,
            "origin": found.origin,
            "validity": found.validity,
            "opening": found.opening,
            "tier": found.tier,
            "priority": found.priority,
            "signals": list(found.signals),
            "vip": found.vip,
            "business_type": found.business_type,
            "problem_type": found.problem_type,
            "department": found.department,
            "path": list(found.path),
            "triage": found.triage,
            "centre": ticket.centre,
            "unit": ticket.unit,
            "person": ticket.person,
            "flags": list(ticket.flags),
            "promised_at": ticket.promised_at,
            "reasons": [_of_reason(reason) for reason in _reasons(simulated, pack)],
            "clocks": [_of_timer(timer, pack) for timer in every_timer(simulated)],
            "notices": [_of_notice(event, notice, pack) for event, notice in simulated.notices],
            "callback": _of_callback(simulated, pack),
            "figures": [
                {
                    "name": figure.name,
                    "title": figure.kpi.zh,
                    "unit": figure.kpi.unit,
                    "adds": format_part(figure.part),
                    "rule": figure.name,
                    "source": figure.kpi.source,
                }
                for figure in counted_in(simulated, pack, self.at)
            ],
        }


def explain(case: ContactCase, pack: Pack, received_at: datetime) -> Explanation:
    """Rehearse a case by the rules of a pack.

    Args:
        case: the contact, and what happens afterwards.
        pack: the rules.
        received_at: when the contact was received.

    Raises:
        RehearsalError: something of the case cannot be read; names the field.

    """
    simulation = PolicySimulation(pack)
    simulation.receive(build_contact({**case.contact, "received_at": received_at}, pack.header.name, "explained"))
    at, taken = received_at, list[TakenCommand]()
    for number, planned in enumerate(case.commands, start=1):
        try:
            _take(simulation, planned, at, number)
        except RehearsalError as error:
            raise RehearsalError(f"commands.{number}: {error}") from error
        at = planned.at
        taken.append(TakenCommand(planned, tuple(simulation.recent), simulation.refusal))
    if case.until is not None:
        if case.until < at:
            raise RehearsalError("until: it is before the last command: write a later time")
        at = case.until
        for number in range(1, len(simulation.tickets) + 1):
            simulation.choose(number)
            simulation.act(Tick(), at, None)
    return Explanation(simulation, at, tuple(taken), None if case.commands else _if_dispatched(simulation, received_at))


def _take(simulation: PolicySimulation, planned: CaseCommand, since: datetime, number: int) -> None:
    if planned.at < since:
        raise RehearsalError("at: it is before the contact: write the commands in order of time")
    if planned.contact is not None:
        fields = {**planned.contact, "received_at": planned.at}
        simulation.receive(build_contact(fields, simulation.pack.header.name, f"explained-{number}"))
        return
    assert planned.action is not None
    check_actor(simulation.pack, planned.unit, planned.level)
    simulation.choose(planned.ticket)
    simulation.act(
        planned.action,
        planned.at,
        planned.unit,
        planned.person,
        planned.level,
        expected_version=planned.expected_version,
    )


def _if_dispatched(opened: PolicySimulation, at: datetime) -> SimulatedTicket | None:
    ticket = opened.subject.ticket
    department = ticket.classification.department
    if department is None or ticket.status is not Status.ACCEPTED or department == ticket.unit:
        return None
    other = PolicySimulation(opened.pack)
    other.receive(opened.subject.contact)
    other.act(Dispatch(unit=department), at, ticket.centre)
    return other.subject if other.refusal is None else None


def _reasons(simulated: SimulatedTicket, pack: Pack) -> Iterator[Reason]:
    """Return the rules that classified a ticket, with those that its classification does not keep."""
    classification, level = simulated.ticket.classification, simulated.contact.customer.level
    yield from classification.reasons
    if level and not classification.vip:
        rule = pack.routing.vip
        known = ", ".join(rule.levels) or "none"
        yield Reason(
            subject="vip", value="no", rule=f"customer level {level}: VIP are {known}"[:200], source=rule.source
        )
    if simulated.ticket.centre == simulated.routed.path[0]:
        yield centre_reason(simulated.contact, simulated.routed, pack)


def _of_reason(reason: Reason) -> dict[str, Any]:
    return {
        "subject": reason.subject,
        "value": reason.value,
        "rule": reason.rule,
        "source": reason.source,
        "matched": reason.matched,
    }


def _of_timer(timer: SlaTimer, pack: Pack) -> dict[str, Any]:
    rule = pack.limits.by_name.get(timer.name)
    title = {"zh": rule.title.zh, "en": rule.title.en} if rule is not None else None
    warnings = warnings_at(timer)
    return {
        "clock": timer.name,
        "title": title,
        "unit": timer.unit,
        "run": timer.run,
        "limit": timer.limit,
        "calendar": timer.calendar,
        "start": timer.started_at,
        "warn_at": warnings[0] if warnings else None,
        "due_at": timer.due_at,
        "state": clock_state(timer),
        "held": timer.held,
        "paused_at": timer.paused_at,
        "stopped_at": timer.stopped_at,
        "stopped_by": timer.stopped_by,
        "provisional": timer.provisional,
        "rule": timer.rule,
        "source": timer.source,
        "thresholds": [
            {
                "name": point.name,
                "at": point.at,
                "state": point.state.value,
                "reason": point.reason,
                "notifies": list(point.notifies),
            }
            for point in timer.thresholds
        ],
    }


def _of_notice(event: TicketEvent, notice: Notice, pack: Pack) -> dict[str, Any]:
    to = CUSTOMER if notice.audience == CUSTOMER else "units"
    rule = next(rule for rule in pack.notices.by_event[event.type] if rule.to == to)
    return {
        "at": event.at,
        "event": event.type,
        "to": notice.audience,
        "letter": notice.template,
        "by": [channel for channel, _ in notice.ways],
        "language": notice.language,
        "rule": f"{event.type} to {to}",
        "source": rule.source,
    }


def _of_callback(simulated: SimulatedTicket, pack: Pack) -> dict[str, Any]:
    rule, plan, ticket = pack.outcome.callback, simulated.plan, simulated.ticket
    facts = pack.facts_of(ticket)
    script = next((script for script in rule.scripts if script.when.holds(facts)), None)
    document: dict[str, Any] = {"rule": "callback", "source": rule.source}
    if plan is None:
        never = ticket.classification.validity in rule.never_for
        document |= {
            "state": "never" if never else NO_PLAN,
            "reason": f"never for {ticket.classification.validity}"
            if never
            else "planned once the customer is answered",
            "means": choose_means(rule, ticket, facts),
            "script": getattr(script.text, ticket.customer.language) if script is not None else None,
        }
    else:
        document |= {f"{name}_at" if name in INSTANTS else name: value for name, value in plan_values(plan).items()}
    if document["script"] is not None and script is not None:
        document |= {"script_rule": script.name, "script_source": script.source}
    return document


def _of_command(command: TakenCommand) -> dict[str, Any]:
    planned, refusal = command.planned, command.refusal
    return {
        "at": planned.at,
        "action": planned.action.type if planned.action is not None else "contact",
        "unit": planned.unit,
        "person": planned.person,
        "ticket": command.events[-1].ticket.number if command.events else None,
        "events": [
            {"type": event.type, "at": event.at, "rule": event.rule.rule, "source": event.rule.source}
            for event in command.events
        ],
        "refused": None
        if refusal is None
        else {"code": refusal.code, "message": refusal.message, "missing": list(refusal.missing)},
    }


def _in_zone(value: Any, zone: ZoneInfo) -> Any:
    """Return a value with every time as text in a zone."""
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat()
    if isinstance(value, dict):
        return {name: _in_zone(each, zone) for name, each in value.items()}
    return (
        [_in_zone(each, zone) for each in value]
        if isinstance(value, Iterable) and not isinstance(value, str)
        else value
    )
