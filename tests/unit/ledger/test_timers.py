"""A clock belongs to a state: what was reported of tickets that lost one, ran one twice or ran the wrong one."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.action import (
    Answer,
    Assess,
    Claim,
    Close,
    CompleteForm,
    Dispatch,
    FeedBack,
    JoinHotIssue,
    Reclassify,
    RecordEntry,
    Reject,
    Reopen,
    SendBack,
    Tick,
)
from schemas.customer_actions import AnswerSurvey, EndCallback
from schemas.ticket import Classification, SlaTimer, Status, Survey, ThresholdState
from services.domain.sla.thresholds import BREACH
from tests.builders import CENTRE, HOUR, MINUTE, MORNING, PACK, PACKS, TicketScenario, contact
from tests.clock_invariants import CLOSING, watched

DAY = timedelta(days=1)
ISSUE = UUID("7a4c52a1-6f3f-4a55-9f43-7cbd5dfd0d0e")


def running(scenario: TicketScenario) -> set[str]:
    return {timer.name for timer in scenario.current.clocks if timer.running}


def breaches(scenario: TicketScenario, clock: str) -> int:
    return sum(
        event.threshold is not None and (event.threshold.clock, event.threshold.threshold) == (clock, BREACH)
        for event in scenario.events
        if event.threshold is None or event.threshold.outcome == "fired"
    )


def classified(scenario: TicketScenario, **changes: object) -> Reclassify:
    return Reclassify(classification=scenario.current.classification.replace(**changes), reason="r")


def handled(pack: str, scenario: TicketScenario | None = None) -> TicketScenario:
    """Return a ticket of a pack that was answered by its centre, with work in between where there is a department."""
    scenario = scenario or TicketScenario.opened(contact(text="投诉"), pack=PACKS[pack])
    centre = scenario.current.centre
    scenario.do(Answer(explanation="e", result="r", cause="c", agreement="refused"), unit=centre)
    assert scenario.current.status is Status.ANSWERED, scenario.refusals
    return scenario


@pytest.mark.requirement("R4.1", "R3.6")
@pytest.mark.parametrize("pack", sorted(set(PACKS) - {"carrier", "enterprise"}))
def test_a_rejected_answer_has_a_promise_in_every_pack(pack: str) -> None:
    scenario = handled(pack)
    scenario.advance(HOUR).do(Reject(reason="r"))
    assert scenario.current.status is Status.DISPATCHED, scenario.refusals
    promises = [timer for timer in scenario.current.clocks if timer.name in PACKS[pack].limits.outer and timer.running]
    assert [timer.started_at for timer in promises] == [scenario.now]
    scenario.advance(400 * DAY).tick()
    assert scenario.current.breaches > 0


@pytest.mark.requirement("R4.1")
@pytest.mark.parametrize("pack", sorted(PACKS))
def test_an_answered_ticket_that_nobody_closes_is_not_forgotten(pack: str) -> None:
    """DECISIONS 43: ten days after the answer, told again like a breach."""
    scenario = handled(pack)
    assert CLOSING in running(scenario)
    scenario.advance(60 * DAY).tick()
    assert breaches(scenario, CLOSING) == 1
    assert sum(event.type == "escalated" for event in scenario.events) >= 3


@pytest.mark.requirement("R5.3")
def test_the_end_of_the_callback_moves_the_closing_to_a_later_time_only() -> None:
    early, late = handled("carrier"), handled("carrier")
    due = early.timer(CLOSING).due_at
    early.advance(DAY).do(AnswerSurvey(survey=Survey(process=5, result=5, staff=5)))
    assert early.timer(CLOSING).due_at == due
    late.advance(9 * DAY).do(EndCallback(reason="no_answer"))
    assert late.timer(CLOSING).due_at > due
    assert breaches(late, CLOSING) == 0


@pytest.mark.requirement("R4.1", "R4.4")
def test_a_reopened_appeal_that_was_never_dispatched_has_its_clock() -> None:
    scenario = TicketScenario.opened(contact(channel="regulator", origin="filed", text="申诉宽带收费争议"))
    assert scenario.current.classification.kind == "appeal"
    scenario.do(Answer(explanation="e", agreement="agreed"), unit=scenario.current.centre)
    scenario.do(RecordEntry(kind="regulator_reply", reference="r/1"), unit="hq_service")
    scenario.advance(DAY).do(Reopen(reason="r"), unit="hq_service")
    assert scenario.current.status is Status.ACCEPTED, scenario.refusals
    assert {"appeal", "appeal_dispatch"} <= running(scenario)
    assert scenario.timer("appeal").started_at == scenario.now


@pytest.mark.requirement("R4.4")
def test_an_appeal_ends_when_the_regulator_has_the_reply_and_the_customer_the_answer() -> None:
    scenario = TicketScenario.opened(contact(channel="regulator", origin="filed", text="申诉宽带收费争议"))
    scenario.do(Dispatch(unit=CENTRE), unit="hq_service").do(FeedBack(result="r", cause="c"), unit=CENTRE)
    scenario.advance(HOUR).do(RecordEntry(kind="regulator_reply", reference="r/1"), unit="hq_service")
    assert "appeal" in running(scenario)
    scenario.do(Answer(explanation="e", agreement="agreed"), unit="hq_service")
    if scenario.current.status is not Status.ANSWERED:
        scenario.do(Answer(explanation="e", agreement="agreed"), unit=CENTRE)
    assert "appeal" not in running(scenario)
    assert CLOSING in running(scenario)


@pytest.mark.requirement("R2.7", "R4.1")
def test_a_kind_that_is_changed_by_hand_gets_the_clocks_of_the_new_kind() -> None:
    scenario = TicketScenario.dispatched().advance(HOUR)
    scenario.do(classified(scenario, kind="escalated"), unit=CENTRE)
    assert {"promise", "handling"}.isdisjoint(running(scenario))
    assert "escalated_promise" in running(scenario)


@pytest.mark.requirement("R4.7")
def test_a_light_case_that_becomes_important_is_reported_within_the_hour() -> None:
    scenario = TicketScenario.opened(contact(text="楼道照明灯不亮"), pack=PACKS["property"]).advance(3 * HOUR)
    scenario.do(classified(scenario, tier="important"), unit=scenario.current.centre)
    assert scenario.timer("inform_manager").due_at == scenario.now + HOUR


@pytest.mark.requirement("R4.7")
def test_a_case_that_is_found_valid_later_has_its_month() -> None:
    scenario = TicketScenario.opened(contact(text="楼道照明灯不亮"), pack=PACKS["property"])
    start = scenario.now
    scenario.do(classified(scenario, validity="malicious"), unit=scenario.current.centre)
    assert "unsolved" not in running(scenario)
    scenario.advance(DAY).do(Assess(validity="valid", reason="r"), unit=scenario.current.centre)
    assert scenario.timer("unsolved").started_at == start


@pytest.mark.requirement("R4.7")
def test_after_a_rejected_answer_the_month_goes_on_and_makes_the_case_major() -> None:
    scenario = handled("property", TicketScenario.opened(contact(text="楼道照明灯不亮"), pack=PACKS["property"]))
    scenario.advance(DAY).do(Reject(reason="r")).advance(35 * DAY).tick()
    assert scenario.current.classification.tier == "major"


@pytest.mark.requirement("R4.7")
def test_the_ten_days_to_solve_a_major_case_go_on_after_its_answer() -> None:
    scenario = TicketScenario.opened(contact(text="楼道照明灯不亮"), pack=PACKS["property"])
    scenario.do(classified(scenario, tier="major"), unit=scenario.current.centre)
    handled("property", scenario)
    assert "solved" in running(scenario)
    scenario.do(RecordEntry(kind="solved", text="t"), unit=scenario.current.centre)
    assert "solved" not in running(scenario)


@pytest.mark.requirement("R4.7")
def test_the_department_returns_the_form_on_the_day_of_completion() -> None:
    scenario = TicketScenario.opened(contact(text="楼道照明灯不亮"), pack=PACKS["property"])
    scenario.do(Dispatch(unit="engineering"), unit=scenario.current.centre)
    assert "form_back" not in running(scenario)
    scenario.advance(HOUR).do(RecordEntry(kind="work_completed", text="t"), unit="engineering")
    assert scenario.timer("form_back").started_at == scenario.now


@pytest.mark.requirement("R4.9")
@pytest.mark.parametrize("change", ["reclassify", "join_hot_issue"])
def test_a_limit_that_was_exceeded_stays_exceeded(change: str) -> None:
    scenario = TicketScenario.dispatched().advance(25 * HOUR).tick()
    assert breaches(scenario, "handling") == 1
    due = scenario.timer("handling").due_at
    if change == "reclassify":
        scenario.do(classified(scenario, tier="national", priority=1), unit=CENTRE)
    else:
        scenario.do(JoinHotIssue(issue=ISSUE, tickets=12))
    scenario.advance(10 * DAY).tick()
    assert breaches(scenario, "handling") == 1
    assert scenario.timer("handling").due_at == due


@pytest.mark.requirement("R4.7")
def test_the_regrade_after_a_month_breaches_nothing_a_second_time() -> None:
    scenario = TicketScenario.opened(contact(text="楼道照明灯不亮"), pack=PACKS["property"])
    for _ in range(40):
        scenario.advance(DAY).tick()
    assert scenario.current.classification.tier == "major"
    names = [
        (event.threshold.clock, event.threshold.run)
        for event in scenario.events
        if event.threshold is not None and event.threshold.threshold == BREACH and event.threshold.outcome == "fired"
    ]
    assert len(names) == len(set(names))


@pytest.mark.requirement("R3.9", "R4.2")
def test_a_department_that_sends_back_to_the_owner_leaves_the_stage_s_clock_running() -> None:
    scenario = TicketScenario.dispatched("fixed_owner").advance(HOUR)
    scenario.do(Claim(person="甲"), unit="fixed_owner").do(Dispatch(unit="network"), unit="fixed_owner")
    scenario.advance(HOUR).do(SendBack(reason="r"), unit="network")
    assert (scenario.current.unit, scenario.current.status) == ("fixed_owner", Status.HANDLING)
    assert "handling" in running(scenario)
    assert "review" not in running(scenario)


@pytest.mark.requirement("R3.9")
def test_the_province_s_working_days_survive_a_send_back_of_its_department() -> None:
    scenario = TicketScenario.opened(contact(channel="hq_hotline", text="宽带网速慢向总部投诉"))
    assert scenario.current.classification.kind == "escalated"
    scenario.do(Dispatch(unit=CENTRE), unit=scenario.current.unit)
    # Sent on without a claim: taken all the same.
    scenario.do(Dispatch(unit="network"), unit=CENTRE)
    due = scenario.timer("escalated").due_at
    scenario.advance(DAY).do(SendBack(reason="r"), unit="network").do(Claim(person="乙"), unit=CENTRE)
    assert scenario.timer("escalated").due_at == due
    assert scenario.timer("escalated").run == 1


@pytest.mark.requirement("R3.9")
def test_another_centre_takes_the_place_of_the_old_one_in_the_chain() -> None:
    scenario = TicketScenario.dispatched()
    path = ("hq_centre", *scenario.current.classification.path)
    scenario.do(classified(scenario, kind="escalated", path=path), unit=CENTRE)
    scenario.do(FeedBack(result="r", cause="c"), unit="network")
    assert (scenario.current.status, scenario.current.unit) == (Status.FED_BACK, "hq_centre")
    assert "hq_review" in running(scenario)


@pytest.mark.requirement("R2.5", "R4.2")
def test_an_incomplete_form_that_was_dispatched_is_no_breach_and_can_be_completed() -> None:
    scenario = TicketScenario.opened(contact(flags=("incomplete",)))
    assert "form" in running(scenario)
    scenario.do(Dispatch(unit="network"), unit=CENTRE).advance(2 * HOUR).tick()
    assert breaches(scenario, "form") == 0
    scenario.do(CompleteForm(), unit=CENTRE)
    assert scenario.types[-1] == "form_completed", scenario.refusals
    assert "review" not in running(scenario)


@pytest.mark.requirement("R5.3")
def test_a_malicious_complaint_has_no_callback_clock() -> None:
    scenario = TicketScenario.opened()
    scenario.do(Assess(validity="malicious", reason="r"), unit=CENTRE)
    scenario.do(Answer(explanation="e", result="r", cause="c", agreement="agreed"), unit=CENTRE)
    assert "callback" not in running(scenario)


@pytest.mark.requirement("R4.1")
def test_from_the_fifteenth_day_on_the_customer_may_appeal_without_a_breach() -> None:
    """DECISIONS 37: warned on days 10 and 14, and the end is a note."""
    scenario = TicketScenario.opened()
    breached = []
    for _ in range(16):
        scenario.advance(DAY).tick()
        breached.append(scenario.current.breaches)
    days = [
        (event.at - scenario.current.contacted_at).days
        for event in scenario.events
        if event.threshold is not None and event.threshold.clock == "appealable"
    ]
    assert days == [10, 14, 15]
    assert scenario.types.count("date_reached") == 1
    assert breached[-1] == breached[8]


@pytest.mark.requirement("R4.4")
def test_the_regulator_s_own_limit_is_a_clock_where_its_transfer_names_one() -> None:
    first = contact(channel="regulator", origin="filed", text="申诉宽带收费争议")
    assert "regulator_limit" not in running(TicketScenario.opened(first))
    until = first.received_at + 4 * DAY
    scenario = TicketScenario.opened(first.replace(wanted_by=until))
    assert scenario.timer("regulator_limit").due_at == until


@pytest.mark.requirement("R4.1")
def test_doing_something_in_the_form_stage_does_not_silence_the_review_s_warning() -> None:
    scenario = TicketScenario.opened(contact(flags=("incomplete",)))
    scenario.do(RecordEntry(kind="report", text="t"), unit=CENTRE)
    scenario.do(CompleteForm(), unit=CENTRE)
    scenario.advance(3 * HOUR + 50 * MINUTE).tick()
    assert [event.threshold.clock for event in scenario.events if event.type == "warned" and event.threshold] == [
        "review"
    ]


@pytest.mark.requirement("R2.7", "R4.1")
@settings(max_examples=60, deadline=None)
@given(hours=st.integers(0, 200), pack=st.sampled_from(sorted(PACKS)))
def test_an_act_that_changes_no_fact_changes_no_clock(hours: int, pack: str) -> None:
    scenario = TicketScenario.opened(contact(text="投诉"), pack=PACKS[pack]).advance(hours * HOUR).tick()
    before: tuple[SlaTimer, ...] = scenario.current.clocks
    same: Classification = scenario.current.classification
    scenario.do(Reclassify(classification=same, reason="r"), unit=scenario.current.centre)
    scenario.do(classified(scenario, priority=1), unit=scenario.current.centre)
    assert scenario.current.clocks == before


def test_an_answer_settles_the_thresholds_of_a_stage_that_may_be_entered_again() -> None:
    scenario = TicketScenario.dispatched().advance(HOUR).do(SendBack(reason="r"), unit="network")
    assert scenario.timer("handling").thresholds[0].state is ThresholdState.OPEN
    scenario.advance(HOUR).do(Answer(explanation="e", result="r", cause="c", agreement="agreed"), unit=CENTRE)
    assert {point.reason for point in scenario.timer("handling").thresholds} == {"stage_ended"}
    scenario.do(Close(owner="network"), unit=CENTRE).do(Tick())
    assert not watched(scenario.current, PACK)


@pytest.mark.requirement("R4.1", "R4.2")
def test_what_is_stamped_at_the_limit_s_very_instant_is_in_time() -> None:
    """DECISIONS 32: the documents write <= 1 h."""
    scenario = TicketScenario.opened(contact(flags=("incomplete",)))
    due = scenario.timer("form").due_at
    scenario.advance(due - scenario.now).do(CompleteForm(), unit=CENTRE)
    assert breaches(scenario, "form") == 0
    late = TicketScenario.opened(contact(flags=("incomplete",)))
    late.advance(due - late.now + timedelta(microseconds=1)).do(CompleteForm(), unit=CENTRE)
    assert breaches(late, "form") == 1


def test_a_fifth_dispatch_without_feedback_is_refused() -> None:
    """DECISIONS 38."""
    scenario, holder = TicketScenario.opened(), CENTRE
    for unit in ("fixed_owner", "channel_owner", "etc_owner", "mobile_owner"):
        scenario.do(Dispatch(unit=unit), unit=holder)
        holder = unit
    assert len(scenario.current.dispatched_by) == 4, scenario.refusals
    scenario.do(Dispatch(unit="network"), unit=holder)
    assert scenario.refusal_code == "chain_too_long"


@pytest.mark.requirement("R2.6", "R5.7")
def test_the_event_of_a_reopening_holds_the_new_promise_for_the_letter() -> None:
    scenario = TicketScenario.dispatched().do(FeedBack(result="r", cause="c"), unit="network")
    scenario.do(Answer(explanation="e", agreement="agreed"), unit=CENTRE).advance(5 * DAY)
    scenario.do(Reopen(reason="r"), unit=CENTRE)
    reopened = next(event for event in scenario.events if event.type == "reopened")
    assert reopened.ticket.promised_at is not None
    assert reopened.ticket.promised_at > scenario.now
    assert scenario.types[-2:] == ["reopened", "dispatched"]
    assert [timer.run for timer in scenario.current.clocks if timer.name == "review"] == [1]


@pytest.mark.requirement("R4.12")
def test_a_promise_that_goes_on_counts_by_the_tier_that_the_ticket_has_by_then() -> None:
    scenario = TicketScenario.opened()
    own = scenario.current.classification
    for changes in ({"tier": "general"}, {"kind": "escalated", "tier": "provincial"}, {"tier": "provincial"}):
        scenario.do(Reclassify(classification=own.replace(**changes), reason="r"), unit=CENTRE)
    assert scenario.timer("promise").rule == "promise/provincial"
    assert scenario.current.promised_at == MORNING + 48 * HOUR
