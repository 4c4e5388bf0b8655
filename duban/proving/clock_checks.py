"""Checks of a ticket's clocks, written down apart from the code that moves them (R4.1, R4.10, DECISIONS 43)."""

from collections.abc import Iterator
from datetime import datetime

from duban.proving.findings import Finding
from duban.proving.roles import ASKING
from duban.proving.steps import Step
from schemas.ticket import SlaTimer, Status, ThresholdState, Ticket
from services.domain.policy.clocks import ClockRule
from services.domain.policy.conditions import Facts
from services.domain.policy.pack import Pack
from services.domain.sla.thresholds import BREACH
from services.ledger.domain.timers import FACTS, WAITS


def promise(step: Step, pack: Pack) -> Iterator[Finding]:
    """Look for an open ticket without a promise or closing clock that runs, or is paused by something that ends."""
    ticket = step.after
    if not ticket.open:
        return
    names = pack.limits.outer
    if ticket.status is Status.ANSWERED:
        closing = {clock.name for clock in pack.limits.clocks if clock.while_.status == (Status.ANSWERED,)}
        names = names | {name for name in closing if pack.limits.by_name[name].breach.does == "supervise"}
    if not any(timer.name in names and _goes_on(timer, ticket) for timer in ticket.clocks):
        yield Finding("promise", ticket.status, f"it is {ticket.status}, and no promise or closing clock runs")


def _goes_on(timer: SlaTimer, ticket: Ticket) -> bool:
    if timer.stopped_at is not None:
        return False
    return timer.paused_at is None or any(wait.name in WAITS and wait.running for wait in ticket.clocks)


def stage(step: Step, pack: Pack) -> Iterator[Finding]:
    """Look for a clock that runs outside its state, and for one that does not run although its state is there."""
    if step.events:
        facts, ticket = pack.facts_of(step.after), step.after
        for timer in ticket.clocks:
            rule = pack.limits.by_name.get(timer.name)
            if timer.stopped_at is None and timer.name not in WAITS:
                why = _why_not(rule, timer, ticket, facts, pack)
                if why:
                    yield Finding("stage", timer.name, f"the clock {timer.name} runs, {why}")
        yield from _missing(ticket, facts, pack)


def _why_not(rule: ClockRule | None, timer: SlaTimer, ticket: Ticket, facts: Facts, pack: Pack) -> str:
    """Return why a clock that runs should not; empty if it should."""
    if rule is None:
        return "and the pack does not have it"
    if not rule.wanted(ticket, facts, pack.kinds):
        return f"and the ticket is {ticket.status}"
    if _has_ended(rule, timer, ticket):
        return "although what ends it has happened"
    if timer.unit is not None and timer.unit not in ticket.assisting:
        return f"and {timer.unit} does not assist"
    if ASKING.intersection(rule.until) and facts.validity in pack.outcome.callback.never_for:
        return "and waits for a customer whom nobody asks"
    return ""


def _missing(ticket: Ticket, facts: Facts, pack: Pack) -> Iterator[Finding]:
    running = {(timer.name, timer.unit) for timer in ticket.clocks if timer.stopped_at is None}
    for rule in pack.limits.by_status[ticket.status]:
        if rule.named_only or not rule.wanted(ticket, facts, pack.kinds) or not _must_run(rule, ticket):
            continue
        for unit in ticket.assisting if rule.runs_for is not None else (None,):
            if (rule.name, unit) not in running:
                whose = f" for {unit}" if unit is not None else ""
                message = f"the clock {rule.name} does not run{whose} although the ticket is {ticket.status}"
                yield Finding("stage", rule.name, message)


def _has_ended(rule: ClockRule, timer: SlaTimer, ticket: Ticket) -> bool:
    since = max(_began(rule, ticket), timer.started_at)
    ended = any(_is_fact(name, ticket, since) for name in rule.until)
    return ended or (bool(rule.until_all) and all(_is_fact(name, ticket, since) for name in rule.until_all))


def _must_run(rule: ClockRule, ticket: Ticket) -> bool:
    """Whether what it waits for is there, and nothing has ever happened that may have ended it."""
    begins = all(_is_fact(name, ticket, _began(rule, ticket)) for name in rule.after)
    may_end = any(_is_fact(name, ticket, ticket.accepted_at) for name in (*rule.until, *rule.until_all))
    return begins and not may_end


def _began(rule: ClockRule, ticket: Ticket) -> datetime:
    return ticket.accepted_at if rule.once == "ticket" else ticket.reopened_at or ticket.accepted_at


def _is_fact(name: str, ticket: Ticket, since: datetime) -> bool:
    if name in FACTS:
        return FACTS[name](ticket, since)
    made = ticket.entry_marks.get(name)
    return made is not None and made >= since


def breach(step: Step, pack: Pack) -> Iterator[Finding]:
    """Look for a run of a clock that is exceeded a second time, under whatever limit (promise 4)."""
    before = step.before
    for event in step.events:
        fired = event.threshold
        if fired is not None and fired.threshold == BREACH and fired.outcome == "fired":
            rule = pack.limits.by_name.get(fired.clock)
            once = rule is not None and rule.once == "ticket"
            for timer in before.clocks:
                same_run = timer.run == fired.run or once
                if (timer.name, timer.unit) == (fired.clock, fired.unit) and same_run and _was_exceeded(timer):
                    yield Finding("breach", fired.clock, f"the clock {fired.clock} is exceeded twice in one run")
                    break
        before = event.ticket


def _was_exceeded(timer: SlaTimer) -> bool:
    return any(point.name == BREACH and point.state is ThresholdState.FIRED for point in timer.thresholds)


def limit(step: Step, pack: Pack) -> Iterator[Finding]:
    """Look for a clock under a limit that is not the ticket's any more, and for a commitment that was taken back."""
    if not step.events:
        return
    before, after = step.before, step.after
    committed = {
        (timer.name, timer.run): timer.due_at
        for timer in before.clocks
        if timer.committed and timer.stopped_at is None and not timer.exceeded
    }
    moves = before.classification is not after.classification
    for timer in after.clocks:
        if timer.stopped_at is not None:
            continue
        promised = committed.get((timer.name, timer.run))
        if promised is not None and timer.due_at < promised:
            yield Finding("limit", timer.name, f"the clock {timer.name} ends before what was committed to")
        rule = pack.limits.by_name.get(timer.name)
        if moves and rule is not None and not timer.exceeded and not timer.committed:
            yield from _other_limit(timer, rule, after, pack)


def _other_limit(timer: SlaTimer, rule: ClockRule, ticket: Ticket, pack: Pack) -> Iterator[Finding]:
    wanted = pack.limits.limit_or_none(rule, pack.facts_of(ticket), ticket.customer)
    if wanted is None or wanted.rule == timer.rule or wanted.span is None:
        return
    calendar = pack.calendar(wanted.calendar)
    length = calendar.between(timer.started_at, calendar.due(timer.started_at, wanted.span))
    if (wanted.calendar, length) != (timer.calendar, timer.length):
        yield Finding("limit", rule.name, f"the clock {rule.name} counts by {timer.rule}, not by {wanted.rule}")


def thresholds(step: Step, pack: Pack) -> Iterator[Finding]:
    """Look for a new clock that is exceeded before it warns, or escalates twice at one instant."""
    opens = bool(step.events) and step.events[0].version == 1
    known = set() if opens else {timer.key for timer in step.before.clocks}
    for timer in step.after.clocks:
        rule = pack.limits.by_name.get(timer.name)
        is_late = timer.due_at <= step.after.updated_at
        if timer.key in known or rule is None or rule.breach.does != "supervise" or is_late:
            continue
        if not _one_after_the_other(timer):
            yield Finding("thresholds", timer.name, f"thresholds of the clock {timer.name} come at one instant")


def _one_after_the_other(timer: SlaTimer) -> bool:
    """Whether every warning comes before the breach, and each escalation after what is before it."""
    warnings = [point.at for point in timer.thresholds if point.name.startswith("warning")]
    times = [point.at for point in timer.thresholds if not point.name.startswith("warning")]
    return sorted(set(times)) == times and all(at < times[0] for at in warnings)
