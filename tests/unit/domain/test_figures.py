"""Figures over cases: formulas by hand, periods with their edges, cells that add up (R6)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.tools.checkout import PROJECT
from duban import report
from schemas.action import Answer, Close, Dispatch, FeedBack, Reopen, SendBack
from schemas.customer_actions import AnswerSurvey, CallBack
from schemas.ticket import Survey, ThresholdState
from services.domain.kpi.cases import Case, CaseEvent, build_case
from services.domain.kpi.catalogue import KPIS, compute_cells
from services.domain.kpi.formulas import KpiValue
from services.domain.kpi.periods import Period, PeriodLength, period_at, periods_between
from services.domain.policy import loading
from services.shared.runtime.errors import DubanError
from tests.builders import CENTRE, HOUR, PACK, TicketScenario, contact, settlement

ZONE = "Asia/Shanghai"
PACKS = loading.load(PROJECT / "policies")


def case_of(scenario: TicketScenario) -> Case:
    history = [CaseEvent(each.type, each.at, each.details.get("agreement")) for each in scenario.events]
    return build_case(scenario.current, history, PACK, scenario.now)


def good() -> TicketScenario:
    scenario = TicketScenario.dispatched().advance(10 * HOUR).do(FeedBack(result="r", cause="c"), unit="network")
    scenario.advance(HOUR).do(Answer(explanation="e", agreement="agreed"), unit=CENTRE)
    return scenario.do(Close(), unit=CENTRE).advance(30 * HOUR).do(CallBack(attempt=1, means="sms"))


def late() -> TicketScenario:
    scenario = TicketScenario.dispatched().advance(47 * HOUR).do(FeedBack(result="r", cause="c"), unit="network")
    return scenario.advance(4 * HOUR).do(Answer(explanation="e", agreement="agreed"), unit=CENTRE)


def refused() -> TicketScenario:
    scenario = TicketScenario.dispatched().advance(10 * HOUR).do(FeedBack(result="r", cause="c"), unit="network")
    return scenario.advance(HOUR).do(Answer(explanation="e", agreement="refused"), unit=CENTRE)


def on_the_spot() -> TicketScenario:
    return TicketScenario.opened(contact(settlement=settlement()))


def misdirected() -> TicketScenario:
    scenario = TicketScenario.dispatched().advance(HOUR).do(SendBack(reason="x"), unit="network")
    return scenario.do(Dispatch(unit="billing"), unit=CENTRE)


def figure(name: str, *tales: TicketScenario, users: int = 0) -> KpiValue:
    return compute_cells(KPIS[name], [case_of(each) for each in tales], (), users)[()]


@pytest.mark.requirement("R6.1")
def test_the_formulas_of_complaints() -> None:
    tales = (good(), late(), refused(), on_the_spot(), misdirected())
    assert figure("complaints", *tales).numerator == 5
    assert figure("complaint_rate", *tales, users=1000).value == 5 / 1000
    # Settled in time: the good one and the one on the spot; the refused one was in time and is not settled.
    assert figure("on_time_completion", *tales) == KpiValue(2, 5)
    assert figure("answered_on_time", *tales).numerator == 3
    assert figure("first_contact_resolution", *tales).numerator == 1
    # Dispatched: good, late, refused, misdirected; settled of these: good and late.
    assert (
        figure("settled_after_dispatch", *tales).numerator,
        figure("settled_after_dispatch", *tales).denominator,
    ) == (2, 4)
    assert (figure("flow_validity", *tales).numerator, figure("flow_validity", *tales).denominator) == (3, 4)
    assert figure("mean_delay", *tales).value == pytest.approx(3.0)
    assert figure("supervision_orders", late()).numerator == late().current.supervisions > 0


@pytest.mark.requirement("R6.1", "R5.4")
def test_satisfaction_has_both_denominators_and_its_response_rate() -> None:
    happy = good().do(AnswerSurvey(survey=Survey(process=5, result=4, staff=5)))
    unhappy = good().do(AnswerSurvey(survey=Survey(process=5, result=2, staff=5)))
    silent = good()
    told = [figure(name, happy, unhappy, silent, late()) for name in ("satisfaction", "satisfaction_of_all")]
    assert [(each.numerator, each.denominator) for each in told] == [(1, 2), (1, 4)]
    assert figure("survey_response", happy, unhappy, silent).value == 2 / 3
    apart = [figure(f"satisfaction_{part}", happy, unhappy, silent) for part in ("process", "result", "staff")]
    assert apart == [KpiValue(2, 2), KpiValue(1, 2), KpiValue(2, 2)]


@pytest.mark.requirement("R5.4", "R6.3")
def test_satisfaction_is_never_shown_without_its_response_rate() -> None:
    names = [each.name for each in report.choose_kpis(["satisfaction", "satisfaction_staff"], ["department"])]
    assert names == ["satisfaction", "satisfaction_staff", "survey_response"]


@pytest.mark.requirement("R5.4", "R6.2")
def test_a_response_rate_is_of_the_same_cases_as_the_satisfaction_that_it_stands_beside() -> None:
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


def late_in_one_stage() -> TicketScenario:
    """Return a ticket of five stages that is closed and in the archive's keeping; handling and promise were late."""
    scenario = TicketScenario.dispatched().advance(60 * HOUR).do(FeedBack(result="r", cause="c"), unit="network")
    scenario.advance(HOUR).do(Answer(explanation="e", agreement="agreed"), unit=CENTRE)
    scenario.do(Close(), unit=CENTRE).do(CallBack(attempt=1, means="phone"))
    return scenario.do(AnswerSurvey(survey=Survey(process=5, result=5, staff=5)))


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


@pytest.mark.requirement("R6.1")
def test_a_limit_that_was_exceeded_counts_although_a_later_one_was_not() -> None:
    """DECISIONS 6: a case that was breached and then given a longer limit is late by the first."""
    scenario = late()
    ticket = scenario.current
    (promise,) = [each for each in ticket.clocks if each.name == "promise"]
    first = promise.replace(stopped_at=promise.due_at + HOUR)
    longer = promise.replace(limit=2, due_at=promise.due_at + 99 * HOUR, thresholds=())
    others = tuple(each for each in ticket.clocks if each.name != "promise")
    found = build_case(ticket.replace(clocks=(first, longer, *others)), [], PACK, scenario.now)
    assert found.delay == case_of(scenario).delay > timedelta(0)
    kept = first.replace(thresholds=tuple(each.replace(state=ThresholdState.SETTLED) for each in first.thresholds))
    extended = build_case(ticket.replace(clocks=(kept, longer, *others)), [], PACK, scenario.now)
    assert extended.delay == timedelta(0)


@pytest.mark.requirement("R6.1")
def test_a_reopening_does_not_undo_the_first_run() -> None:
    scenario = good()
    before = case_of(scenario)
    after = case_of(scenario.do(Reopen(reason="x"), unit=CENTRE))
    assert (before.on_time, before.settled) == (after.on_time, after.settled) == (True, True)


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


@pytest.mark.requirement("R6.6")
def test_a_day_shows_what_an_escalated_figure_rests_on_a_month_the_figure() -> None:
    one = replace(case_of(good()), kind="escalated")
    day, month = (period_at(one.accepted_at, size, ZONE) for size in (PeriodLength.DAY, PeriodLength.MONTH))
    (short,) = report.build_rows([KPIS["escalated_solved"]], [day], [one], by=(), users=0)
    (long,) = report.build_rows([KPIS["escalated_solved"]], [month], [one], by=(), users=0)
    assert (short.value, short.now.numerator) == (None, 1)
    assert long.value == 1.0


@pytest.mark.requirement("R6.3")
def test_the_change_is_against_the_period_before() -> None:
    now = case_of(good())
    month_ago = replace(now, accepted_at=now.accepted_at - timedelta(days=28), settled=False)
    month = period_at(now.accepted_at, PeriodLength.MONTH, ZONE)
    (row,) = report.build_rows([KPIS["on_time_completion"]], [month], [now, month_ago], by=(), users=0)
    assert (row.value, row.change) == (1.0, 1.0)


@pytest.mark.requirement("R6.5", "R6.7")
@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["x", "y"]), st.booleans()), max_size=20))
def test_cells_add_up_whatever_they_are_cut_by(told: list[tuple[str, str, bool]]) -> None:
    known = [replace(GOOD, channel=channel, tier=tier, on_time=on_time) for channel, tier, on_time in told]
    whole = compute_cells(KPIS["answered_on_time"], known, (), 0)[()]
    for by in (("channel",), ("tier", "channel"), ("level", "tier", "business")):
        parts = compute_cells(KPIS["answered_on_time"], known, by, 0).values()
        assert sum(each.numerator for each in parts) == whole.numerator
        assert sum(each.denominator for each in parts) == whole.denominator


GOOD = case_of(good())


@pytest.mark.requirement("R6.3")
@pytest.mark.parametrize(
    ("size", "name", "before"),
    [
        (PeriodLength.HOUR, "2026-03-01 07:00", "2026-03-01 06:00"),
        (PeriodLength.DAY, "2026-03-01", "2026-02-28"),
        (PeriodLength.WEEK, "2026-W09", "2026-W08"),
        (PeriodLength.MONTH, "2026-03", "2026-02"),
        (PeriodLength.QUARTER, "2026-Q1", "2025-Q4"),
        (PeriodLength.YEAR, "2026", "2025"),
    ],
)
def test_periods_begin_in_the_pack_s_zone(size: PeriodLength, name: str, before: str) -> None:
    # One in the night in Shanghai is still the month before in UTC.
    found = period_at(datetime(2026, 2, 28, 23, 30, tzinfo=UTC), size, ZONE)
    assert (found.name, found.previous.name) == (name, before)
    assert found.previous.end == found.start


@given(at=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), size=st.sampled_from(PeriodLength))
def test_periods_follow_each_other_without_a_gap(at: datetime, size: PeriodLength) -> None:
    start = at.replace(tzinfo=UTC)
    found = periods_between(start, start + timedelta(days=40), size, "Europe/Berlin")
    assert found[0].start <= start < found[0].end
    assert all(one.end == other.start for one, other in pairwise(found))
    assert found[-1].end >= start + timedelta(days=40)


def test_a_range_of_its_own_is_compared_with_as_long_a_time_before() -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    assert Period(start, start + timedelta(days=3)).previous == Period(start - timedelta(days=3), start)


@pytest.mark.parametrize(
    ("names", "by", "told"),
    [
        (["speed"], [], "no figure 'speed'"),
        ([], ["shoe_size"], "no dimension 'shoe_size'"),
        (["satisfaction"], ["stage"], "satisfaction is about whole tickets"),
    ],
)
def test_what_cannot_be_reported_is_told(names: list[str], by: list[str], told: str) -> None:
    with pytest.raises(DubanError, match=told):
        report.choose_kpis(names, by)
