"""Waiting and extensions as the clocks see them: sums, commitments, and re-limiting while a ticket waits."""

from datetime import timedelta
from uuid import UUID

import pytest

from schemas.action import (
    Answer,
    ApproveExtension,
    Correct,
    Dispatch,
    JoinHotIssue,
    Reclassify,
    ReplyProgress,
    RequestExtension,
    Resume,
    Suspend,
    Transfer,
)
from services.domain.kpi.cases import CaseEvent, build_case
from tests.builders import CENTRE, HOUR, PACK, TicketScenario

ISSUE = UUID("7a4c52a1-6f3f-4a55-9f43-7cbd5dfd0d0e")


def running(scenario: TicketScenario) -> set[str]:
    return {timer.name for timer in scenario.current.clocks if timer.running}


def classified(scenario: TicketScenario, **changes: object) -> Reclassify:
    return Reclassify(classification=scenario.current.classification.replace(**changes), reason="r")


@pytest.mark.requirement("R4.10")
@pytest.mark.parametrize("change", ["reclassify", "join_hot_issue", "correct", "transfer"])
def test_what_was_committed_to_a_customer_stays_committed(change: str) -> None:
    scenario = extended()
    committed = scenario.timer("handling").due_at
    if change == "reclassify":
        scenario.do(classified(scenario, priority=1), unit=CENTRE)
    elif change == "join_hot_issue":
        scenario.do(JoinHotIssue(issue=ISSUE, tickets=12))
    elif change == "correct":
        scenario.do(Correct(customer=scenario.current.customer.replace(level="金卡"), reason="r"), unit=CENTRE)
    else:
        scenario.do(Transfer(unit="billing", reason="r"), unit="network")
    assert scenario.timer("handling").due_at == committed


def extended(hours: int = 20) -> TicketScenario:
    scenario = TicketScenario.dispatched().advance(HOUR)
    until = scenario.timer("handling").due_at + hours * HOUR
    scenario.do(RequestExtension(explanation="e", committed_until=until), unit="network")
    scenario.do(ReplyProgress(text="t"), unit=CENTRE).do(ApproveExtension(), unit=CENTRE)
    assert scenario.timer("handling").due_at == until, scenario.refusals
    return scenario


@pytest.mark.requirement("R4.10")
def test_an_approved_extension_moves_the_promise_and_the_first_one_stays_on_record() -> None:
    """DECISIONS 31: never earlier than the stage's new limit and the time to tell the customer after it."""
    opened = TicketScenario.dispatched()
    first = opened.current.promised_at
    scenario = extended()
    assert scenario.current.first_promised_at == first
    assert scenario.current.promised_at == max(first or scenario.now, scenario.timer("handling").due_at + 2 * HOUR)


@pytest.mark.requirement("R4.10", "R6.1")
def test_on_time_is_shown_by_the_first_and_by_the_committed_promise() -> None:
    """DECISIONS 31."""
    scenario = extended(24)
    first = scenario.current.first_promised_at
    assert first is not None
    scenario.advance(first + HOUR - scenario.now)
    scenario.do(Answer(explanation="e", result="r", cause="c", agreement="agreed"), unit=CENTRE)
    events = [CaseEvent(event.type, event.at, event.details.get("agreement")) for event in scenario.events]
    case = build_case(scenario.current, events, PACK, scenario.now)
    assert (case.on_time, case.on_first_time) == (True, False)


@pytest.mark.requirement("R4.10")
def test_an_approval_never_shortens_a_limit() -> None:
    scenario = TicketScenario.dispatched().advance(HOUR)
    due = scenario.timer("handling").due_at
    scenario.do(RequestExtension(explanation="e", committed_until=due + HOUR), unit="network")
    scenario.do(classified(scenario, tier="national"), unit=CENTRE)
    longer = scenario.timer("handling").due_at
    assert longer > due + HOUR
    scenario.do(ReplyProgress(text="t"), unit=CENTRE).do(ApproveExtension(), unit=CENTRE)
    assert scenario.timer("handling").due_at == longer


@pytest.mark.requirement("R4.11")
def test_a_waiting_ticket_is_relimited_like_a_running_one() -> None:
    scenario = TicketScenario.opened().advance(2 * HOUR)
    start = scenario.timer("promise").started_at
    scenario.do(Suspend(waiting_for="customer", reason="r"), unit=CENTRE).advance(5 * HOUR)
    scenario.do(classified(scenario, tier="national"), unit=CENTRE).advance(5 * HOUR)
    scenario.do(Resume(), unit=CENTRE)
    assert scenario.timer("promise").due_at == start + timedelta(hours=82)


@pytest.mark.requirement("R4.11")
def test_an_extension_can_be_asked_for_while_the_ticket_waits() -> None:
    scenario = TicketScenario.dispatched().advance(20 * HOUR)
    scenario.do(Suspend(waiting_for="customer", reason="r"), unit="network").advance(10 * HOUR)
    due = scenario.now + 4 * HOUR
    scenario.do(RequestExtension(explanation="e", committed_until=due + HOUR), unit="network")
    assert scenario.types[-1] == "extension_requested", scenario.refusals


@pytest.mark.requirement("R4.11")
def test_waiting_ends_after_72_hours_in_sum() -> None:
    """DECISIONS 11."""
    scenario = TicketScenario.dispatched()
    for _ in range(3):
        scenario.do(Suspend(waiting_for="customer", reason="r"), unit="network").advance(23 * HOUR)
        scenario.do(Resume(), unit="network")
    scenario.do(Suspend(waiting_for="customer", reason="r"), unit="network").advance(10 * HOUR).tick()
    assert scenario.current.suspended is None
    scenario.do(Suspend(waiting_for="customer", reason="r"), unit="network")
    assert scenario.refusal_code == "waited_out"


@pytest.mark.requirement("R4.11")
def test_who_goes_on_with_the_work_does_not_wait() -> None:
    scenario = TicketScenario.opened().do(Suspend(waiting_for="customer", reason="r"), unit=CENTRE).advance(HOUR)
    scenario.do(Dispatch(unit="network"), unit=CENTRE)
    assert scenario.current.suspended is None
    assert "suspension" not in running(scenario)
    assert scenario.timer("promise").running


@pytest.mark.requirement("R4.11")
def test_the_customer_is_not_reminded_when_somebody_else_is_waited_for() -> None:
    scenario = TicketScenario.dispatched().do(Suspend(waiting_for="other", reason="r"), unit="network")
    scenario.advance(60 * HOUR).tick()
    assert "reminded_customer" not in scenario.types
