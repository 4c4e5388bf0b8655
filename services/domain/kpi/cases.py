"""What figures look at: one case for each ticket, made of the ledger's history (R6). Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.ticket import SlaTimer, ThresholdState, Ticket
from services.domain.policy.limits import ClockRule
from services.domain.policy.pack import Pack
from services.domain.sla.timer import BREACH

MISDIRECTED = frozenset({"sent_back", "transferred"})
"""Events that say that a ticket was not sent right the first time."""


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """One event of a ticket, as far as figures need it."""

    type: str
    at: datetime
    agreement: str | None = None


@dataclass(frozen=True, slots=True)
class StageRun:
    """One run of one stage, by the limit that counts.

    Attributes:
        stage: the clock's name.
        late: it ended after its limit, or has not ended and the limit is over.
        delay: by how much; zero when it is not late.

    """

    stage: str
    late: bool
    delay: timedelta


@dataclass(frozen=True, slots=True)
class Case:
    """One ticket as figures count it; the first run counts, a reopening does not undo it (DECISIONS 27).

    Attributes:
        on_time: the customer was answered within the promise.
        settled: solved, or agreed with the customer on a wording (办结); a refusal is not (DECISIONS 12).
        dispatched: it went further than the accepting channel and the centre.
        misdirected: it was sent back or handed on.
        asked: the customer was called back.
        satisfied_with: process, result and staff, each apart; None: not asked, or no answer.
        delay: how late the promise was kept; zero when it was kept.

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
    result: str
    status: str
    answered_at: datetime | None
    closed_at: datetime | None
    on_time: bool
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
    """Make the case of a ticket.

    Args:
        ticket: as it stands.
        history: its events, in order.
        pack: the policy that it runs under.
        now: what has not ended is late when its limit is before this.

    """
    told, customer = ticket.classification, ticket.customer
    answered = next((each for each in history if each.type == "answered"), None)
    promises = [each for each in ticket.clocks if each.name in pack.limits.outer and each.run == 1]
    promise = _run(promises, now) if promises else None
    types = {each.type for each in history}
    rule = pack.outcome.survey
    scores = (ticket.survey.process, ticket.survey.result, ticket.survey.staff) if ticket.survey is not None else None
    return Case(
        number=ticket.number,
        accepted_at=ticket.accepted_at,
        kind=told.kind,
        tier=told.tier,
        channel=ticket.channel,
        level="vip" if told.vip else "ordinary",
        brand=customer.brand or "",
        business=told.business_type or "",
        group=pack.group_of(told.business_type) or "",
        problem=told.problem_type or "",
        department=ticket.handled_by or told.department or "",
        region=customer.home_region or customer.city or "",
        result=(answered.agreement or "") if answered is not None else "",
        status=ticket.status.value,
        answered_at=answered.at if answered is not None else None,
        closed_at=ticket.closed_at,
        on_time=answered is not None and (promise is None or not promise.late),
        settled=answered is not None and answered.agreement in {"agreed", "agreed_wording"},
        dispatched="dispatched" in types,
        misdirected=bool(types & MISDIRECTED),
        complete="incomplete" not in ticket.flags,
        asked="called_back" in types or scores is not None,
        scores=scores,
        satisfied=min(scores) >= rule.satisfied_from if scores is not None else None,
        satisfied_with=tuple(each >= rule.satisfied_from for each in scores) if scores is not None else None,  # type: ignore[arg-type]
        runs=tuple(_run(limits, now) for limits in _limits_of_stages(ticket.clocks, pack)),
        delay=promise.delay if promise is not None else timedelta(0),
        warnings=ticket.warnings,
        supervisions=ticket.supervisions,
        extended=any(each.state == "approved" for each in ticket.extensions),
        staff_caused=told.founded is True and told.problem_type in {"attitude", "service_quality", "professional"},
    )


def is_stage(rule: ClockRule) -> bool:
    """Whether a clock is a stage of the flow: fill, review, handle, answer, call back (002-1 §2.4.2, §2.6.3a).

    The promise lasts over the stages, a month after which a ticket is graded anew too, and the archive is no work.
    """
    return not rule.outer and rule.breach.does == "supervise" and rule.breach.regrade is None


def _limits_of_stages(clocks: Sequence[SlaTimer], pack: Pack) -> Iterable[list[SlaTimer]]:
    """Return the limits of each run of each stage, in order: one that was moved stays visible in the ticket."""
    runs: dict[tuple[str, int], list[SlaTimer]] = {}
    for clock in clocks:
        rule = pack.limits.by_name.get(clock.name)
        if rule is not None and is_stage(rule):
            runs.setdefault((clock.name, clock.run), []).append(clock)
    return runs.values()


def _run(limits: Sequence[SlaTimer], now: datetime) -> StageRun:
    """Return a run: late by the limit that was in force when it was first exceeded, else by the last (DECISIONS 6)."""
    last = limits[-1]
    limit = next((each for each in limits if _was_exceeded(each)), last)
    end = last.stopped_at or last.paused_at or now
    delay = max(end - limit.due_at, timedelta(0))
    return StageRun(limit.name, delay > timedelta(0), delay)


def _was_exceeded(clock: SlaTimer) -> bool:
    return any(each.name == BREACH and each.state is ThresholdState.FIRED for each in clock.thresholds)
