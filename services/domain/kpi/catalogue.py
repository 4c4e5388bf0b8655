"""The figures of the customer's documents (R6): each a function over cases, with formula, source and target. Pure.

A value is never shown without the count that it rests on.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from services.domain.kpi.cases import Case
from services.domain.kpi.formulas import (
    Formula,
    KpiValue,
    complaint_rate,
    count,
    flow_timeliness,
    mean_delay,
    mean_handling_time,
    satisfied_with,
    share,
)
from services.domain.kpi.periods import PeriodLength

DIMENSIONS = (
    "kind",
    "tier",
    "channel",
    "level",
    "brand",
    "business",
    "group",
    "problem",
    "department",
    "region",
    "result",
    "status",
)
"""What every figure can be cut by; some also by `stage`."""


@dataclass(frozen=True, slots=True)
class Kpi:
    """One figure.

    Attributes:
        unit: share, hours or count.
        formula: over the cases of a cell; the second argument is the number of users of the business.
        applies_to: which cases it is about.
        dimensions: the dimensions that the documents cut it by.
        target: what the documents want; None: silent.
        companion: what is always shown with it; about the same cases, or it would say nothing of it.
        min_length: for periods of this size and longer; in shorter ones only the counts it rests on are shown (R6.6).

    """

    name: str
    zh: str
    unit: str
    formula: Formula
    source: str
    applies_to: Callable[[Case], bool]
    dimensions: tuple[str, ...]
    target: float | None = None
    companion: str | None = None
    min_length: PeriodLength = PeriodLength.HOUR


def _complaint(case: Case) -> bool:
    return case.kind == "complaint"


def _escalated(case: Case) -> bool:
    return case.kind == "escalated"


def _any(_: Case) -> bool:
    return True


def _in_time(case: Case) -> bool:
    return not case.delay and not any(run.late for run in case.runs)


RESPONSE = "survey_response"
ESCALATED_RESPONSE = "escalated_survey_response"
RATED = ("business", "tier", "channel", "level")
DONE = ("business", "tier", "channel", "brand")
RAISED = ("business", "tier", "channel", "brand", "problem", "department")
MONTH = PeriodLength.MONTH


def _response(
    name: str,
    zh: str,
    applies_to: Callable[[Case], bool],
    dimensions: tuple[str, ...],
    min_length: PeriodLength = PeriodLength.HOUR,
) -> Kpi:
    """Return the share of those who were asked that answered; beside the satisfaction of the same cases."""
    formula = share(lambda each: each.satisfied is not None, lambda each: each.asked)
    return Kpi(
        name,
        zh,
        "share",
        formula,
        "ours: no satisfaction without its response rate",
        applies_to,
        dimensions,
        min_length=min_length,
    )


KPIS: Mapping[str, Kpi] = {
    each.name: each
    for each in (
        Kpi("complaints", "投诉量", "count", count(lambda _: 1), "002-1 §2.7", _complaint, DIMENSIONS),
        Kpi("complaint_rate", "客户投诉率", "share", complaint_rate, "002-1 §2.6.3a", _complaint, RATED),
        Kpi(
            "on_time_completion",
            "投诉按时办结率",
            "share",
            share(lambda each: each.settled and each.on_time),
            "002-1 §2.6.3b: settled within the set time over complaint tickets",
            _complaint,
            DONE,
        ),
        Kpi(
            "answered_on_time",
            "按时答复率",
            "share",
            share(lambda each: each.on_time),
            "ours: counts a refused answer in time (DECISIONS 12)",
            _complaint,
            DONE,
        ),
        Kpi(
            "first_contact_resolution",
            "投诉问题一次性办结率",
            "share",
            share(lambda each: each.settled and each.on_time and not each.dispatched),
            "002-1 §2.6.3c: settled in time by channel or centre without dispatch over all complaint tickets",
            _complaint,
            DONE,
        ),
        Kpi(
            "settled_after_dispatch",
            "转相关部门办结率",
            "share",
            share(lambda each: each.settled, lambda each: each.dispatched),
            "002-1 §2.7.2 names it; settled over dispatched is ours",
            _complaint,
            DONE,
        ),
        Kpi(
            "satisfaction",
            "投诉客户满意度",
            "share",
            share(lambda each: bool(each.satisfied), lambda each: each.satisfied is not None),
            "002-1 §2.6.3d: satisfied over those asked and answered (DECISIONS 20)",
            _complaint,
            RATED,
            companion=RESPONSE,
        ),
        *(
            Kpi(
                f"satisfaction_{part}",
                f"{zh}满意度",
                "share",
                satisfied_with(place),
                "R5.4: process, result and staff are asked apart; over those asked and answered",
                _complaint,
                RATED,
                companion=RESPONSE,
            )
            for place, (part, zh) in enumerate((("process", "处理过程"), ("result", "处理结果"), ("staff", "服务人员")))
        ),
        Kpi(
            "satisfaction_of_all",
            "投诉客户满意度（全部投诉客户）",
            "share",
            share(lambda each: bool(each.satisfied)),
            "002-1 §2.6.3d: satisfied over all complaining customers, the other denominator",
            _complaint,
            RATED,
            companion=RESPONSE,
        ),
        _response(RESPONSE, "回访应答率", _complaint, RATED),
        Kpi(
            "flow_timeliness",
            "工单流转及时率",
            "share",
            flow_timeliness,
            "002-1 §2.6.3",
            _any,
            ("channel", "stage"),
        ),
        Kpi(
            "flow_validity",
            "工单流转有效率",
            "share",
            share(lambda each: not each.misdirected, lambda each: each.dispatched),
            "002-1 §2.6.3: sent right the first time over dispatched",
            _any,
            ("channel", "stage"),
        ),
        Kpi(
            "mean_delay",
            "工单平均延误周期",
            "hours",
            mean_delay,
            "002-1 §2.7.2",
            _any,
            ("channel", "stage", "brand"),
        ),
        Kpi("warnings", "预警数", "count", count(lambda each: each.warnings), "002-1 §2.4.7", _any, DIMENSIONS),
        Kpi(
            "supervision_orders",
            "督办数",
            "count",
            count(lambda each: each.supervisions),
            "002-1 §1.2.1",
            _any,
            DIMENSIONS,
        ),
        Kpi(
            "extensions",
            "延期数",
            "count",
            count(lambda each: int(each.extended)),
            "R4.10: figures count the extension",
            _any,
            DIMENSIONS,
        ),
        Kpi(
            "escalated_rate",
            "客户升级投诉率",
            "share",
            complaint_rate,
            "002-1 §3.5.3a",
            _escalated,
            RAISED,
            min_length=MONTH,
        ),
        Kpi(
            "escalated_solved",
            "升级投诉问题解决率",
            "share",
            share(lambda each: each.settled and each.on_time),
            "002-1 §3.5.3b",
            _escalated,
            RAISED,
            target=0.95,
            min_length=MONTH,
        ),
        Kpi(
            "escalated_satisfied",
            "处理结果客户满意率",
            "share",
            share(lambda each: each.satisfied_with is not None and each.satisfied_with[1]),
            "002-1 §3.5.3c: satisfied with the result over all",
            _escalated,
            RAISED,
            target=0.95,
            companion=ESCALATED_RESPONSE,
            min_length=MONTH,
        ),
        _response(ESCALATED_RESPONSE, "升级投诉回访应答率", _escalated, RAISED, MONTH),
        Kpi(
            "escalated_timeliness",
            "投诉工单处理及时率",
            "share",
            flow_timeliness,
            "002-1 §3.5.3d",
            _escalated,
            ("channel", "stage"),
            target=0.99,
            min_length=PeriodLength.DAY,
        ),
        Kpi(
            "escalated_quality",
            "工单处理合格率",
            "share",
            share(lambda each: each.complete and not each.misdirected and _in_time(each)),
            "002-1 §3.5.3e: filled and moved correctly in the set time over all",
            _escalated,
            ("channel", "stage"),
            target=0.99,
            min_length=PeriodLength.DAY,
        ),
        Kpi(
            "escalated_handling_time",
            "平均投诉处理时长",
            "hours",
            mean_handling_time,
            "002-1 §3.5.3f",
            _escalated,
            RAISED,
            min_length=MONTH,
        ),
        Kpi(
            "escalated_completed",
            "投诉处理完成及时率",
            "share",
            share(lambda each: each.settled and each.on_time and each.closed_at is not None),
            "002-1 §3.5.3g: solved, handled and closed in the promised limit over all",
            _escalated,
            RAISED,
            target=0.95,
            min_length=MONTH,
        ),
        Kpi(
            "service_caused",
            "服务性投诉",
            "count",
            count(lambda each: int(each.staff_caused)),
            "002-1 §3.5.3i: proven complaints caused by staff; at most 1 a month, fewer than 4 a year",
            _any,
            RAISED,
            target=1,
            min_length=MONTH,
        ),
        Kpi(
            "appeals",
            "申诉量",
            "count",
            count(lambda _: 1),
            "002-1 §4.5",
            lambda each: each.kind == "appeal",
            DIMENSIONS,
        ),
    )
}


def compute_cells(figure: Kpi, cases: Iterable[Case], by: Sequence[str], users: int) -> dict[tuple[str, ...], KpiValue]:
    """Return the figure for every combination of values of some dimensions; without dimensions, one cell.

    Args:
        figure: which.
        cases: those of one period.
        by: names of DIMENSIONS, or stage.
        users: users of the business, for rates over users.

    """
    grouped: dict[tuple[str, ...], list[Case]] = {}
    for each in cases:
        if figure.applies_to(each):
            for key, part in _keys(each, by):
                grouped.setdefault(key, []).append(part)
    if not grouped and not by:
        grouped[()] = []
    return {key: figure.formula(found, users) for key, found in sorted(grouped.items())}


def _keys(case: Case, by: Sequence[str]) -> Iterable[tuple[tuple[str, ...], Case]]:
    """Return the cells that a case belongs to; cut by stage, each stage counts with its own runs and delay."""
    if "stage" not in by:
        yield tuple(getattr(case, name) for name in by), case
        return
    for stage in dict.fromkeys(run.stage for run in case.runs):
        runs = tuple(run for run in case.runs if run.stage == stage)
        delay = max((run.delay for run in runs), default=timedelta(0))
        key = tuple(stage if name == "stage" else getattr(case, name) for name in by)
        yield key, replace(case, runs=runs, delay=delay)
