"""More time on request, and time that stands still while the customer is waited for."""

from datetime import timedelta

import pytest

from schemas.action import (
    Answer,
    ApproveExtension,
    DenyExtension,
    FeedBack,
    ReplyProgress,
    RequestExtension,
    Resume,
    Suspend,
)
from tests.builders import CENTRE, HOUR, TicketScenario


def asking() -> TicketScenario:
    """Return a ticket whose department asks for twelve hours more, two hours before its limit."""
    scenario = TicketScenario.dispatched().advance(22 * HOUR)
    until = scenario.timer("handling").due_at + 12 * HOUR
    return scenario.do(RequestExtension(explanation="需现场测试", committed_until=until), unit="network")


@pytest.mark.requirement("R4.10")
def test_an_extension_needs_a_progress_reply_and_the_centre() -> None:
    scenario = asking().do(ApproveExtension(), unit=CENTRE)
    assert scenario.refusal_code == "missing"
    scenario.do(ApproveExtension(), unit="network")
    assert scenario.refusal_code == "not_allowed"
    scenario.do(ReplyProgress(text="还需要一些时间"), unit=CENTRE).do(ApproveExtension(), unit=CENTRE)
    assert scenario.types[-1] == "extension_approved"


@pytest.mark.requirement("R4.10")
def test_both_limits_stay_visible_and_the_new_one_counts() -> None:
    scenario = asking().do(ReplyProgress(text="x"), unit=CENTRE).do(ApproveExtension(), unit=CENTRE)
    old, new = [each for each in scenario.current.clocks if each.name == "handling"]
    assert (old.limit, new.limit) == (1, 2)
    assert new.due_at == old.due_at + 12 * HOUR
    assert new.length == 36 * HOUR
    scenario.now = old.due_at + HOUR
    assert scenario.tick().current.breaches == 0
    scenario.now = new.due_at
    assert scenario.tick().current.breaches == 1


@pytest.mark.requirement("R4.10")
def test_a_request_that_nobody_decides_holds_the_breach_and_lapses() -> None:
    scenario = asking().advance(2 * HOUR - timedelta(seconds=1)).tick()
    assert scenario.current.breaches == 0
    scenario.advance(timedelta(seconds=1)).tick()
    assert scenario.types[-2:] == ["extension_lapsed", "breached"]
    assert scenario.current.extensions[0].state == "lapsed"


@pytest.mark.requirement("R4.10")
def test_a_denied_request_lets_the_old_limit_count() -> None:
    scenario = asking().do(DenyExtension(reason="不同意"), unit=CENTRE).advance(2 * HOUR).tick()
    assert scenario.current.extensions[0].state == "denied"
    assert scenario.current.breaches == 1


@pytest.mark.requirement("R4.10")
def test_what_cannot_be_asked_for() -> None:
    scenario = asking()
    due = scenario.timer("handling").due_at
    assert (
        scenario.do(RequestExtension(explanation="x", committed_until=due + HOUR), unit="network").refusal_code
        == "asked"
    )
    late = TicketScenario.dispatched().advance(24 * HOUR)
    late.do(RequestExtension(explanation="x", committed_until=late.now + HOUR), unit="network")
    assert late.refusal_code == "too_late"
    long = TicketScenario.dispatched()
    until = long.timer("handling").due_at + 25 * HOUR
    assert long.do(RequestExtension(explanation="x", committed_until=until), unit="network").refusal_code == "too_long"


@pytest.mark.requirement("R4.10")
def test_a_stage_is_extended_twice_at_the_most() -> None:
    scenario = TicketScenario.dispatched()
    for _ in range(2):
        until = scenario.timer("handling").due_at + HOUR
        scenario.do(RequestExtension(explanation="x", committed_until=until), unit="network")
        scenario.do(ReplyProgress(text="x"), unit=CENTRE).do(ApproveExtension(), unit=CENTRE)
    until = scenario.timer("handling").due_at + HOUR
    assert (
        scenario.do(RequestExtension(explanation="x", committed_until=until), unit="network").refusal_code == "too_many"
    )


def test_feedback_while_an_extension_is_asked_for_ends_the_request() -> None:
    scenario = asking().do(FeedBack(result="已修复", cause="线路"), unit="network").advance(5 * HOUR).tick()
    assert scenario.current.extensions[0].state == "lapsed"
    assert "extension_lapsed" not in scenario.types


@pytest.mark.requirement("R4.11")
def test_waiting_for_the_customer_stops_the_clocks_that_the_policy_names() -> None:
    scenario = TicketScenario.dispatched().advance(10 * HOUR)
    promised = scenario.current.promised_at
    assert promised is not None
    scenario.do(Suspend(waiting_for="customer", reason="等发票照片"), unit="network")
    scenario.advance(30 * HOUR).tick()
    assert scenario.current.breaches == 0
    scenario.do(Resume(reason="已补充"), unit="network")
    handling = scenario.timer("handling")
    assert handling.due_at == scenario.now + 14 * HOUR
    assert scenario.current.promised_at == promised + 30 * HOUR


@pytest.mark.requirement("R4.11")
def test_a_wait_reminds_the_customer_and_ends_by_itself() -> None:
    scenario = (
        TicketScenario.dispatched()
        .do(Suspend(waiting_for="customer", reason="x"), unit="network")
        .advance(100 * HOUR)
        .tick()
    )
    decided = [(each.type, each.at) for each in scenario.events if each.type in {"reminded_customer", "resumed"}]
    begin = scenario.timer("suspension").started_at
    assert decided == [("reminded_customer", begin + 48 * HOUR), ("resumed", begin + 72 * HOUR)]
    assert scenario.current.suspended is None
    assert scenario.current.breaches >= 1


@pytest.mark.requirement("R4.11")
def test_an_answer_ends_a_wait() -> None:
    scenario = TicketScenario.dispatched().do(Suspend(waiting_for="customer", reason="x"), unit="network").advance(HOUR)
    scenario.do(Answer(explanation="x", result="x", agreement="agreed"), unit=CENTRE).advance(200 * HOUR).tick()
    assert scenario.current.suspended is None
    assert scenario.timer("promise").used <= 2 * HOUR
    assert "resumed" not in scenario.types


def test_a_ticket_that_waits_already_or_does_not_wait() -> None:
    scenario = TicketScenario.dispatched().do(Resume(), unit="network")
    assert scenario.refusal_code == "not_suspended"
    scenario.do(Suspend(waiting_for="customer", reason="x"), unit="network")
    assert scenario.do(Suspend(waiting_for="customer", reason="x"), unit="network").refusal_code == "suspended"
