"""The KPI catalogue: every figure of the customer's documents with its formula, source and target (R6). Pure.

A value is never shown without the counts it is based on.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from services.domain.kpi.cases import Case
from services.domain.kpi.formulas import (
    NOTHING,
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
    "validity",
    "result",
    "status",
)
"""What every KPI can be broken down by; some also by `stage`."""


@dataclass(frozen=True, slots=True)
class Kpi:
    """The definition of one key performance indicator.

    Attributes:
        name: as `duban report` takes it.
        zh: its name in the customer's documents.
        unit: share, hours or count.
        formula: computes it from the cases of a cell.
        source: its place in the customer's documents, or `ours` and the reason.
        applies_to: whether a case counts at all.
        dimensions: the dimensions that the documents break it down by.
        target: as the documents set it; None if they set none.
        target_of_year: of a year, where the documents set it apart; `target` is then of a month alone.
        companion: name of the KPI that is always shown beside it; it applies to the same cases.
        min_length: shortest period for which it is computed; in shorter ones only its counts are shown (R6.6).

    """

    name: str
    zh: str
    unit: str
    formula: Formula
    source: str
    applies_to: Callable[[Case], bool]
    dimensions: tuple[str, ...]
    target: float | None = None
    target_of_year: float | None = None
    companion: str | None = None
    min_length: PeriodLength = PeriodLength.HOUR

    def target_of(self, length: PeriodLength | None) -> float | None:
        """Return the target of a period; None where the documents set none for such a length."""
        if self.target_of_year is None:
            return self.target
        return self.target_of_year if length is PeriodLength.YEAR else self.target if length is MONTH else None


def _is_complaint(case: Case) -> bool:
    return case.kind == "complaint"


def _is_escalated(case: Case) -> bool:
    return case.kind == "escalated"


def _always(_: Case) -> bool:
    return True


def _is_in_time(case: Case) -> bool:
    return not case.delay and not any(run.late for run in case.runs)


RESPONSE = "survey_response"
ESCALATED_RESPONSE = "escalated_survey_response"
BY_LEVEL = ("business", "tier", "channel", "level")
BY_BRAND = ("business", "tier", "channel", "brand")
BY_DEPARTMENT = ("business", "tier", "channel", "brand", "problem", "department")
MONTH = PeriodLength.MONTH


def _response_rate(
    name: str,
    zh: str,
    applies_to: Callable[[Case], bool],
    dimensions: tuple[str, ...],
    min_length: PeriodLength = PeriodLength.HOUR,
) -> Kpi:
    """Return the KPI for the share of surveyed customers who replied, the companion of a satisfaction KPI."""
    formula = share(lambda case: case.satisfied is not None, lambda case: case.asked)
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
    kpi.name: kpi
    for kpi in (
        Kpi("complaints", "投诉量", "count", count(lambda _: 1), "002-1 §2.7", _is_complaint, DIMENSIONS),
        Kpi("complaint_rate", "客户投诉率", "share", complaint_rate, "002-1 §2.6.3a", _is_complaint, BY_LEVEL),
        Kpi(
            "on_time_completion",
            "投诉按时办结率",
            "share",
            share(lambda case: case.settled and case.on_time),
            "002-1 §2.6.3b: settled within the set time over complaint tickets",
            _is_complaint,
            BY_BRAND,
        ),
        Kpi(
            "answered_on_time",
            "按时答复率",
            "share",
            share(lambda case: case.on_time),
            "ours: counts a refused answer in time (DECISIONS 12)",
            _is_complaint,
            BY_BRAND,
        ),
        Kpi(
            "answered_on_first_promise",
            "按首次承诺答复率",
            "share",
            share(lambda case: case.on_first_time),
            "ours: by the promise before any extension, beside the committed one (DECISIONS 31)",
            _is_complaint,
            BY_BRAND,
        ),
        Kpi(
            "first_contact_resolution",
            "投诉问题一次性办结率",
            "share",
            share(lambda case: case.settled and case.on_time and not case.dispatched),
            "002-1 §2.6.3c: settled in time by channel or centre without dispatch over all complaint tickets",
            _is_complaint,
            BY_BRAND,
        ),
        Kpi(
            "settled_after_dispatch",
            "转相关部门办结率",
            "share",
            share(lambda case: case.settled, lambda case: case.dispatched),
            "002-1 §2.7.2 names it; settled over dispatched is ours",
            _is_complaint,
            BY_BRAND,
        ),
        Kpi(
            "satisfaction",
            "投诉客户满意度",
            "share",
            share(lambda case: bool(case.satisfied), lambda case: case.satisfied is not None),
            "002-1 §2.6.3d: satisfied over those asked and answered (DECISIONS 20)",
            _is_complaint,
            BY_LEVEL,
            companion=RESPONSE,
        ),
        *(
            Kpi(
                f"satisfaction_{part}",
                f"{zh}满意度",
                "share",
                satisfied_with(index),
                "R5.4: process, result and staff are asked apart; over those asked and answered",
                _is_complaint,
                BY_LEVEL,
                companion=RESPONSE,
            )
            for index, (part, zh) in enumerate((("process", "处理过程"), ("result", "处理结果"), ("staff", "服务人员")))
        ),
        Kpi(
            "satisfaction_of_all",
            "投诉客户满意度（全部投诉客户）",
            "share",
            share(lambda case: bool(case.satisfied)),
            "002-1 §2.6.3d: satisfied over all complaining customers, the other denominator",
            _is_complaint,
            BY_LEVEL,
            companion=RESPONSE,
        ),
        _response_rate(RESPONSE, "回访应答率", _is_complaint, BY_LEVEL),
        Kpi(
            "flow_timeliness",
            "工单流转及时率",
            "share",
            flow_timeliness,
            "002-1 §2.6.3",
            _always,
            ("channel", "stage"),
        ),
        Kpi(
            "flow_validity",
            "工单流转有效率",
            "share",
            share(lambda case: not case.misdirected, lambda case: case.dispatched),
            "002-1 §2.6.3: sent right the first time over dispatched",
            _always,
            ("channel", "stage"),
        ),
        Kpi(
            "mean_delay",
            "工单平均延误周期",
            "hours",
            mean_delay,
            "002-1 §2.6.3",
            _always,
            ("channel", "stage", "brand"),
        ),
        Kpi("warnings", "预警数", "count", count(lambda case: case.warnings), "002-1 §2.4.7", _always, DIMENSIONS),
        Kpi(
            "supervision_orders",
            "督办数",
            "count",
            count(lambda case: case.supervisions),
            "002-1 §1.2.1",
            _always,
            DIMENSIONS,
        ),
        Kpi(
            "extensions",
            "延期数",
            "count",
            count(lambda case: int(case.extended)),
            "R4.10: figures count the extension",
            _always,
            DIMENSIONS,
        ),
        Kpi(
            "escalated_rate",
            "客户升级投诉率",
            "share",
            complaint_rate,
            "002-1 §3.5.3a",
            _is_escalated,
            BY_DEPARTMENT,
            min_length=MONTH,
        ),
        Kpi(
            "escalated_solved",
            "升级投诉问题解决率",
            "share",
            share(lambda case: case.settled and case.on_time),
            "002-1 §3.5.3b",
            _is_escalated,
            BY_DEPARTMENT,
            target=0.95,
            min_length=MONTH,
        ),
        Kpi(
            "escalated_satisfied",
            "处理结果客户满意率",
            "share",
            share(lambda case: case.satisfied_with is not None and case.satisfied_with[1]),
            "002-1 §3.5.3c: satisfied with the result over all",
            _is_escalated,
            BY_DEPARTMENT,
            target=0.95,
            companion=ESCALATED_RESPONSE,
            min_length=MONTH,
        ),
        _response_rate(ESCALATED_RESPONSE, "升级投诉回访应答率", _is_escalated, BY_DEPARTMENT, MONTH),
        Kpi(
            "escalated_timeliness",
            "投诉工单处理及时率",
            "share",
            flow_timeliness,
            "002-1 §3.5.3d",
            _is_escalated,
            ("channel", "stage"),
            target=0.99,
            min_length=PeriodLength.DAY,
        ),
        Kpi(
            "escalated_quality",
            "工单处理合格率",
            "share",
            share(lambda case: case.complete and not case.misdirected and _is_in_time(case)),
            "002-1 §3.5.3e: filled and moved correctly in the set time over all",
            _is_escalated,
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
            _is_escalated,
            BY_DEPARTMENT,
            min_length=MONTH,
        ),
        Kpi(
            "escalated_completed",
            "投诉处理完成及时率",
            "share",
            share(lambda case: case.settled and case.on_time and case.closed_at is not None),
            "002-1 §3.5.3g: solved, handled and closed in the promised limit over all",
            _is_escalated,
            BY_DEPARTMENT,
            target=0.95,
            min_length=MONTH,
        ),
        Kpi(
            "service_caused",
            "服务性投诉",
            "count",
            count(lambda case: int(case.staff_caused)),
            "002-1 §3.5.3i: proven complaints caused by staff; at most 1 a month, fewer than 4 a year",
            _always,
            BY_DEPARTMENT,
            target=1,
            target_of_year=3,
            min_length=MONTH,
        ),
        Kpi(
            "appeals",
            "申诉量",
            "count",
            count(lambda _: 1),
            "002-1 §4.5",
            lambda case: case.kind == "appeal",
            DIMENSIONS,
        ),
    )
}


class KpiSums:
    """The sums of some KPIs over cases, for each combination of values of some dimensions.

    Args:
        kpis: what to compute.
        by: names of DIMENSIONS, or `stage`; none: one cell for all cases.

    """

    def __init__(self, kpis: Iterable[Kpi], by: Sequence[str]) -> None:
        self._by = by
        self._sums: dict[str, dict[tuple[str, ...], KpiValue]] = {}
        self._kpis = tuple(kpis)
        for kpi in self._kpis:
            self._sums[kpi.name] = {} if by else {(): NOTHING}

    def add(self, case: Case) -> None:
        """Add a case; it is not kept."""
        cells = list(_cells_of(case, self._by))
        for kpi in self._kpis:
            if kpi.applies_to(case):
                sums = self._sums[kpi.name]
                for key, part in cells:
                    sums[key] = sums.get(key, NOTHING) + kpi.formula.part(part)

    def cells(self, kpi: Kpi, users: int) -> dict[tuple[str, ...], KpiValue]:
        """Return a KPI by the values of the dimensions, in their order.

        Args:
            kpi: one of those that are computed.
            users: number of users of the business, for rates per user.

        """
        return {key: kpi.formula.whole(total, users) for key, total in sorted(self._sums[kpi.name].items())}


def compute_cells(kpi: Kpi, cases: Iterable[Case], by: Sequence[str], users: int) -> dict[tuple[str, ...], KpiValue]:
    """Return a KPI over the cases of one period, for every combination of values of some dimensions.

    Args:
        kpi: what to compute.
        cases: the cases of one period.
        by: names of DIMENSIONS, or `stage`.
        users: number of users of the business, for rates per user.

    """
    sums = KpiSums([kpi], by)
    for case in cases:
        sums.add(case)
    return sums.cells(kpi, users)


def _cells_of(case: Case, by: Sequence[str]) -> Iterable[tuple[tuple[str, ...], Case]]:
    """Return the cells that a case belongs to; by stage, each stage counts with its own runs and delay."""
    if "stage" not in by:
        yield tuple(getattr(case, name) for name in by), case
        return
    for stage in dict.fromkeys(run.stage for run in case.runs):
        runs = tuple(run for run in case.runs if run.stage == stage)
        delay = max((run.delay for run in runs), default=timedelta(0))
        key = tuple(stage if name == "stage" else getattr(case, name) for name in by)
        yield key, replace(case, runs=runs, delay=delay)
