"""The cases that KPIs are computed over: one for each ticket, built from the ticket and its events (R6). Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.ticket import Classification, SlaTimer, ThresholdState, Ticket
from services.domain.policy.pack import Pack
from services.domain.sla.thresholds import BREACH

MISDIRECTED = frozenset({"sent_back", "transferred"})
"""Types of events which show that a ticket was first dispatched to the wrong unit."""
STAFF_PROBLEMS = frozenset({"attitude", "service_quality", "professional"})
"""Problem types that staff cause."""
SETTLED = frozenset({"agreed", "agreed_wording"})
"""Agreements by which a ticket is settled (办结)."""


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """One event of a ticket, as far as KPIs need it."""

    type: str
    at: datetime
    agreement: str | None = None


@dataclass(frozen=True, slots=True)
class StageRun:
    """One run of one stage, judged by the limit that counts.

    Attributes:
        stage: name of the SLA timer.
        late: whether it ended after its deadline, or is still running after it.
        delay: by how much; zero if it is not late.

    """

    stage: str
    late: bool
    delay: timedelta


@dataclass(frozen=True, slots=True)
class Case:
    """One ticket as KPIs count it; the first run counts, and a reopening does not undo it (DECISIONS 27).

    Texts are empty where the ticket has no value.

    Attributes:
        result: the agreement with which the customer was answered.
        on_time: the customer was answered within the promised time, or the later one that was committed to.
        on_first_time: within the time that was promised first (DECISIONS 31).
        settled: solved, or agreed with the customer on a wording (办结); a refused answer is not (DECISIONS 12).
        dispatched: it went further than the accepting channel and the centre.
        misdirected: it was sent back or transferred.
        complete: its form had every required field.
        asked: the customer was called back or surveyed.
        scores: process, result and staff, 1 to 5; None without a survey reply.
        satisfied: whether all three scores count as satisfied; None without a survey reply.
        satisfied_with: the same for process, result and staff separately.
        delay: how late the promise was kept; zero if it was kept in time.
        staff_caused: a complaint found to be justified and caused by staff.

    """

    number: str
    accepted_at: datetime
    kind: str
    tier: str
    channel: str
    level: str
    brand: str
    business: str
    group: str
    problem: str
    department: str
    region: str
    validity: str
    result: str
    status: str
    answered_at: datetime | None
    closed_at: datetime | None
    on_time: bool
    on_first_time: bool
    settled: bool
    dispatched: bool
    misdirected: bool
    complete: bool
    asked: bool
    scores: tuple[int, int, int] | None
    satisfied: bool | None
    satisfied_with: tuple[bool, bool, bool] | None
    runs: tuple[StageRun, ...]
    delay: timedelta
    warnings: int
    supervisions: int
    extended: bool
    staff_caused: bool


def build_case(ticket: Ticket, history: Sequence[CaseEvent], pack: Pack, now: datetime) -> Case:
    """Build the case of a ticket.

    Args:
        ticket: its current state.
        history: its events, in order.
        pack: the policy pack that it runs under.
        now: business time; a timer that still runs is late if its deadline is before it.

    """
    classification, customer = ticket.classification, ticket.customer
    types = {event.type for event in history}
    answer = next((event for event in history if event.type == "answered"), None)
    promise = _promise(ticket, pack, now)
    scores = _scores(ticket)
    satisfied_with = _satisfied_with(scores, pack)
    return Case(
        number=ticket.number,
        accepted_at=ticket.accepted_at,
        kind=classification.kind,
        tier=classification.tier,
        channel=ticket.channel,
        level="vip" if classification.vip else "ordinary",
        brand=_text(customer.brand),
        business=_text(classification.business_type),
        group=_text(pack.group_of(classification.business_type)),
        problem=_text(classification.problem_type),
        department=_text(ticket.handled_by, classification.department),
        region=_text(customer.home_region, customer.city),
        validity=classification.validity,
        result=_text(answer.agreement if answer is not None else None),
        status=ticket.status.value,
        answered_at=answer.at if answer is not None else None,
        closed_at=ticket.closed_at,
        on_time=answer is not None and not promise.late,
        on_first_time=answer is not None and not _promise(ticket, pack, now, committed=False).late,
        settled=answer is not None and answer.agreement in SETTLED,
        dispatched="dispatched" in types,
        misdirected=not types.isdisjoint(MISDIRECTED),
        complete="incomplete" not in ticket.flags,
        asked="called_back" in types or scores is not None,
        scores=scores,
        satisfied=satisfied_with and all(satisfied_with),
        satisfied_with=satisfied_with,
        runs=tuple(_run(limits, now) for limits in _limits_of_stages(ticket.clocks, pack)),
        delay=promise.delay,
        warnings=ticket.warnings,
        supervisions=ticket.supervisions,
        extended=ticket.extensions_approved > 0,
        staff_caused=_is_staff_caused(classification),
    )


def _text(*values: str | None) -> str:
    """Return the first value that is there, or an empty text."""
    return next((value for value in values if value), "")


def _promise(ticket: Ticket, pack: Pack, now: datetime, *, committed: bool = True) -> StageRun:
    """Return the promise to the customer in the first run; without one, nothing is late.

    Args:
        ticket: its current state.
        pack: the policy pack that it runs under.
        now: business time.
        committed: by what was committed to since, or by what was promised first.

    """
    timers = [timer for timer in ticket.clocks if timer.name in pack.limits.outer and timer.run == 1]
    if not timers:
        return StageRun("", late=False, delay=timedelta(0))
    if committed:
        return _run(timers, now)
    first = [timer for timer in timers if not timer.committed]
    return _run([*first[:-1], first[-1].replace(stopped_at=timers[-1].stopped_at, paused_at=timers[-1].paused_at)], now)


def _is_staff_caused(classification: Classification) -> bool:
    return classification.founded is True and classification.problem_type in STAFF_PROBLEMS


def _scores(ticket: Ticket) -> tuple[int, int, int] | None:
    if ticket.survey is None:
        return None
    return (ticket.survey.process, ticket.survey.result, ticket.survey.staff)


def _satisfied_with(scores: tuple[int, int, int] | None, pack: Pack) -> tuple[bool, bool, bool] | None:
    if scores is None:
        return None
    process, result, staff = (score >= pack.outcome.survey.satisfied_from for score in scores)
    return (process, result, staff)


def _limits_of_stages(timers: Sequence[SlaTimer], pack: Pack) -> Iterable[list[SlaTimer]]:
    """Return the limits of each run of each stage, in order; an extension adds a limit, and the ticket keeps both."""
    runs: dict[tuple[str, int], list[SlaTimer]] = {}
    for timer in timers:
        rule = pack.limits.by_name.get(timer.name)
        if rule is not None and rule.is_stage:
            runs.setdefault((timer.name, timer.run), []).append(timer)
    return runs.values()


def _run(limits: Sequence[SlaTimer], now: datetime) -> StageRun:
    """Return a run, judged by the limit that was first exceeded, or else by the last one (DECISIONS 6)."""
    last = limits[-1]
    limit = next((timer for timer in limits if _was_exceeded(timer)), last)
    end = last.stopped_at or last.paused_at or now
    delay = max(end - limit.due_at, timedelta(0))
    return StageRun(limit.name, delay > timedelta(0), delay)


def _was_exceeded(timer: SlaTimer) -> bool:
    return any(threshold.name == BREACH and threshold.state is ThresholdState.FIRED for threshold in timer.thresholds)
