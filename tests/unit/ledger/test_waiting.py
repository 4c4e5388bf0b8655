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
from tests.builders import CENTRE, HOUR, Tale


def asking() -> Tale:
    """Return a ticket whose department asks for twelve hours more, two hours before its limit."""
    tale = Tale.dispatched().after(22 * HOUR)
    until = tale.clock("handling").due_at + 12 * HOUR
    return tale.do(RequestExtension(explanation="需现场测试", committed_until=until), unit="network")


@pytest.mark.requirement("R4.10")
def test_an_extension_needs_a_progress_reply_and_the_centre() -> None:
    tale = asking().do(ApproveExtension(), unit=CENTRE)
    assert tale.refused == "missing"
    tale.do(ApproveExtension(), unit="network")
    assert tale.refused == "not_allowed"
    tale.do(ReplyProgress(text="还需要一些时间"), unit=CENTRE).do(ApproveExtension(), unit=CENTRE)
    assert tale.types[-1] == "extension_approved"


@pytest.mark.requirement("R4.10")
def test_both_limits_stay_visible_and_the_new_one_counts() -> None:
    tale = asking().do(ReplyProgress(text="x"), unit=CENTRE).do(ApproveExtension(), unit=CENTRE)
    old, new = [each for each in tale.it.clocks if each.name == "handling"]
    assert (old.limit, new.limit) == (1, 2)
    assert new.due_at == old.due_at + 12 * HOUR
    assert new.length == 36 * HOUR
    tale.now = old.due_at + HOUR
    assert tale.tick().it.breaches == 0
    tale.now = new.due_at
    assert tale.tick().it.breaches == 1


@pytest.mark.requirement("R4.10")
def test_a_request_that_nobody_decides_holds_the_breach_and_lapses() -> None:
    tale = asking().after(2 * HOUR - timedelta(seconds=1)).tick()
    assert tale.it.breaches == 0
    tale.after(timedelta(seconds=1)).tick()
    assert tale.types[-2:] == ["extension_lapsed", "breached"]
    assert tale.it.extensions[0].state == "lapsed"


@pytest.mark.requirement("R4.10")
def test_a_denied_request_lets_the_old_limit_count() -> None:
    tale = asking().do(DenyExtension(reason="不同意"), unit=CENTRE).after(2 * HOUR).tick()
    assert tale.it.extensions[0].state == "denied"
    assert tale.it.breaches == 1


@pytest.mark.requirement("R4.10")
def test_what_cannot_be_asked_for() -> None:
    tale = asking()
    due = tale.clock("handling").due_at
    assert tale.do(RequestExtension(explanation="x", committed_until=due + HOUR), unit="network").refused == "asked"
    late = Tale.dispatched().after(24 * HOUR)
    late.do(RequestExtension(explanation="x", committed_until=late.now + HOUR), unit="network")
    assert late.refused == "too_late"
    long = Tale.dispatched()
    until = long.clock("handling").due_at + 25 * HOUR
    assert long.do(RequestExtension(explanation="x", committed_until=until), unit="network").refused == "too_long"


@pytest.mark.requirement("R4.10")
def test_a_stage_is_extended_twice_at_the_most() -> None:
    tale = Tale.dispatched()
    for _ in range(2):
        until = tale.clock("handling").due_at + HOUR
        tale.do(RequestExtension(explanation="x", committed_until=until), unit="network")
        tale.do(ReplyProgress(text="x"), unit=CENTRE).do(ApproveExtension(), unit=CENTRE)
    until = tale.clock("handling").due_at + HOUR
    assert tale.do(RequestExtension(explanation="x", committed_until=until), unit="network").refused == "too_many"


def test_feedback_while_an_extension_is_asked_for_ends_the_request() -> None:
    tale = asking().do(FeedBack(result="已修复", cause="线路"), unit="network").after(5 * HOUR).tick()
    assert tale.it.extensions[0].state == "lapsed"
    assert "extension_lapsed" not in tale.types


@pytest.mark.requirement("R4.11")
def test_waiting_for_the_customer_stops_the_clocks_that_the_policy_names() -> None:
    tale = Tale.dispatched().after(10 * HOUR)
    promised = tale.it.promised_at
    assert promised is not None
    tale.do(Suspend(waiting_for="customer", reason="等发票照片"), unit="network")
    tale.after(30 * HOUR).tick()
    assert tale.it.breaches == 0
    tale.do(Resume(reason="已补充"), unit="network")
    handling = tale.clock("handling")
    assert handling.due_at == tale.now + 14 * HOUR
    assert tale.it.promised_at == promised + 30 * HOUR


@pytest.mark.requirement("R4.11")
def test_a_wait_reminds_the_customer_and_ends_by_itself() -> None:
    tale = Tale.dispatched().do(Suspend(waiting_for="customer", reason="x"), unit="network").after(100 * HOUR).tick()
    told = [(each.type, each.at) for each in tale.events if each.type in {"reminded_customer", "resumed"}]
    begin = tale.clock("suspension").started_at
    assert told == [("reminded_customer", begin + 48 * HOUR), ("resumed", begin + 72 * HOUR)]
    assert tale.it.suspended is None
    assert tale.it.breaches >= 1


@pytest.mark.requirement("R4.11")
def test_an_answer_ends_a_wait() -> None:
    tale = Tale.dispatched().do(Suspend(waiting_for="customer", reason="x"), unit="network").after(HOUR)
    tale.do(Answer(explanation="x", result="x", agreement="agreed"), unit=CENTRE).after(200 * HOUR).tick()
    assert tale.it.suspended is None
    assert tale.clock("promise").used <= 2 * HOUR
    assert "resumed" not in tale.types


def test_a_ticket_that_waits_already_or_does_not_wait() -> None:
    tale = Tale.dispatched().do(Resume(), unit="network")
    assert tale.refused == "not_suspended"
    tale.do(Suspend(waiting_for="customer", reason="x"), unit="network")
    assert tale.do(Suspend(waiting_for="customer", reason="x"), unit="network").refused == "suspended"
