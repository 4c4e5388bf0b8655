"""KPIs over cases: formulas checked by hand, denominators, cells that add up (R6)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duban import report
from schemas.customer_actions import AnswerSurvey
from schemas.ticket import Survey
from services.domain.kpi.catalogue import KPIS, compute_cells
from services.domain.kpi.formulas import KpiValue
from services.domain.kpi.periods import PeriodLength
from tests.builders import HOUR, PACKS, TicketScenario
from tests.unit.domain.kpi.scenarios import case_of, good, late, late_in_one_stage, misdirected, on_the_spot, refused


def figure(name: str, *scenarios: TicketScenario, users: int = 0) -> KpiValue:
    return compute_cells(KPIS[name], [case_of(each) for each in scenarios], (), users)[()]


@pytest.mark.requirement("R6.1")
def test_the_formulas_of_complaints() -> None:
    scenarios = (good(), late(), refused(), on_the_spot(), misdirected())
    assert figure("complaints", *scenarios).numerator == 5
    assert figure("complaint_rate", *scenarios, users=1000).value == 5 / 1000
    # Settled in time: the good one and the one on the spot; the refused one was in time and is not settled.
    assert figure("on_time_completion", *scenarios) == KpiValue(2, 5)
    assert figure("answered_on_time", *scenarios).numerator == 3
    assert figure("first_contact_resolution", *scenarios).numerator == 1
    # Dispatched: good, late, refused, misdirected; settled of these: good and late.
    assert (
        figure("settled_after_dispatch", *scenarios).numerator,
        figure("settled_after_dispatch", *scenarios).denominator,
    ) == (2, 4)
    assert (figure("flow_validity", *scenarios).numerator, figure("flow_validity", *scenarios).denominator) == (3, 4)
    assert figure("mean_delay", *scenarios).value == pytest.approx(3.0)
    assert figure("supervision_orders", late()).numerator == late().current.supervisions > 0


@pytest.mark.requirement("R6.1", "R5.4")
def test_satisfaction_has_both_denominators_and_its_response_rate() -> None:
    happy = good().do(AnswerSurvey(survey=Survey(process=5, result=4, staff=5)))
    unhappy = good().do(AnswerSurvey(survey=Survey(process=5, result=2, staff=5)))
    silent = good()
    values = [figure(name, happy, unhappy, silent, late()) for name in ("satisfaction", "satisfaction_of_all")]
    assert [(value.numerator, value.denominator) for value in values] == [(1, 2), (1, 4)]
    assert figure("survey_response", happy, unhappy, silent).value == 2 / 3
    apart = [figure(f"satisfaction_{part}", happy, unhappy, silent) for part in ("process", "result", "staff")]
    assert apart == [KpiValue(2, 2), KpiValue(1, 2), KpiValue(2, 2)]


@pytest.mark.requirement("R5.4", "R6.2")
def test_a_response_rate_counts_the_cases_of_the_satisfaction_that_it_accompanies() -> None:
    satisfied = {name: each for name, each in KPIS.items() if "satisf" in name}
    assert len(satisfied) == 6
    for each in satisfied.values():
        assert each.companion is not None
        response = KPIS[each.companion]
        assert (response.applies_to, response.dimensions, response.min_length) == (
            each.applies_to,
            each.dimensions,
            each.min_length,
        )
    happy = case_of(good().do(AnswerSurvey(survey=Survey(process=5, result=4, staff=5))))
    silent = replace(case_of(good()), kind="escalated")
    cases = [happy, silent, replace(happy, kind="escalated")]
    assert compute_cells(KPIS["survey_response"], cases, (), 0)[()] == KpiValue(1, 1)
    assert compute_cells(KPIS["escalated_survey_response"], cases, (), 0)[()] == KpiValue(1, 2)
    names = [each.name for each in report.choose_kpis(["escalated_satisfied"], [])]
    assert names == ["escalated_satisfied", "escalated_survey_response"]


@pytest.mark.requirement("R6.1")
def test_timeliness_can_be_seen_stage_by_stage() -> None:
    found = compute_cells(KPIS["flow_timeliness"], [case_of(late()), case_of(good())], ("stage",), 0)
    assert found[("handling",)] == KpiValue(1, 2)
    assert found[("review",)] == KpiValue(2, 2)


@pytest.mark.requirement("R6.1")
def test_flow_timeliness_counts_the_stages_of_the_flow_and_nothing_else() -> None:
    """002-1 §2.6.3a: tidy, re-check, handle, feed back, call back; a promise, an archive and a month are no stages."""
    one = case_of(late_in_one_stage())
    assert {run.stage for run in one.runs} == {"form", "review", "handling", "answer", "callback"}
    assert figure("flow_timeliness", late_in_one_stage()) == KpiValue(4, 5)
    names = {pack: {each.name for each in packs.limits.clocks if each.is_stage} for pack, packs in PACKS.items()}
    assert names["carrier"].isdisjoint({"promise", "escalated_promise", "appeal", "archive"})
    assert names["property"] >= {"form", "handling", "answer"}
    assert "unsolved" not in names["property"]


@pytest.mark.requirement("R6.2")
def test_a_late_promise_spoils_the_quality_although_it_is_no_stage() -> None:
    slow = replace(case_of(good()), kind="escalated", delay=HOUR)
    assert compute_cells(KPIS["escalated_quality"], [slow], (), 0)[()] == KpiValue(0, 1)
    assert compute_cells(KPIS["escalated_timeliness"], [slow], (), 0)[()].value == 1.0


@pytest.mark.requirement("R6.2")
def test_the_figures_of_escalated_complaints() -> None:
    one = replace(case_of(good()), kind="escalated")
    other = replace(case_of(late()), kind="escalated")
    two = [one, other]
    assert compute_cells(KPIS["escalated_solved"], two, (), 0)[()] == KpiValue(1, 2)
    assert compute_cells(KPIS["escalated_completed"], two, (), 0)[()] == KpiValue(1, 2)
    assert compute_cells(KPIS["escalated_quality"], two, (), 0)[()] == KpiValue(1, 2)
    assert compute_cells(KPIS["escalated_handling_time"], two, (), 0)[()].value == pytest.approx(11.0)
    assert KPIS["escalated_solved"].target == 0.95
    assert compute_cells(KPIS["complaints"], two, (), 0)[()].denominator in {0, 1}


@pytest.mark.requirement("R6.5", "R6.7")
@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["x", "y"]), st.booleans()), max_size=20))
def test_cells_add_up_whatever_dimensions_they_are_broken_down_by(rows: list[tuple[str, str, bool]]) -> None:
    known = [replace(GOOD, channel=channel, tier=tier, on_time=on_time) for channel, tier, on_time in rows]
    whole = compute_cells(KPIS["answered_on_time"], known, (), 0)[()]
    for by in (("channel",), ("tier", "channel"), ("level", "tier", "business")):
        parts = compute_cells(KPIS["answered_on_time"], known, by, 0).values()
        assert sum(each.numerator for each in parts) == whole.numerator
        assert sum(each.denominator for each in parts) == whole.denominator


GOOD = case_of(good())


@pytest.mark.requirement("R6.2")
@pytest.mark.parametrize(
    ("length", "target"),
    [
        (PeriodLength.MONTH, 1),
        (PeriodLength.YEAR, 3),
        (PeriodLength.QUARTER, None),
        (PeriodLength.DAY, None),
        (None, None),
    ],
)
def test_service_caused_complaints_have_a_target_a_month_and_one_a_year(
    length: PeriodLength | None, target: float | None
) -> None:
    """At most one a month, fewer than four a year; a year was compared with the target of a month (002-1 §3.5.3)."""
    assert KPIS["service_caused"].target_of(length) == target
    assert KPIS["escalated_solved"].target_of(length) == 0.95
