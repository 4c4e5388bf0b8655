"""What happens to a ticket by itself: warnings, breaches, the next level; each once, never early."""

from datetime import datetime, timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.action import Answer, Claim, Close, FeedBack, Reopen, Tick, Withdraw
from schemas.customer_actions import EndCallback
from schemas.event import Fired
from schemas.ticket import ThresholdState
from tests.builders import CENTRE, HOUR, MINUTE, TicketScenario, contact, settlement

DAY = timedelta(days=1)


@pytest.mark.requirement("R4.1", "R4.9")
def test_a_warning_comes_at_nine_tenths_when_nothing_was_done() -> None:
    scenario = TicketScenario.dispatched()
    due = scenario.timer("handling").due_at
    warn = scenario.now + timedelta(hours=24) * 0.9
    scenario.now = warn - timedelta(milliseconds=1)
    assert scenario.tick().current.warnings == 0
    scenario.now = warn
    assert scenario.tick().current.warnings == 1
    assert scenario.events[-1].threshold is not None
    assert scenario.events[-1].at == warn < due


@pytest.mark.requirement("R4.1")
def test_no_warning_when_something_was_done_in_the_stage() -> None:
    scenario = TicketScenario.dispatched().do(Claim(person="王工"), unit="network").advance(23 * HOUR).tick()
    assert ("handling", "warning", "settled") in scenario.decided_thresholds()
    assert scenario.current.warnings == 0


@pytest.mark.requirement("R4.9")
def test_a_breach_is_a_supervision_order_and_tells_the_next_level() -> None:
    scenario = TicketScenario.dispatched().advance(24 * HOUR).tick()
    breach = scenario.events[-1]
    assert breach.type == "breached"
    assert breach.details["supervision_order"] is True
    assert set(breach.details["notifies"]) == {"unit", "person", "centre", "next_level"}
    assert (scenario.current.breaches, scenario.current.supervisions) == (1, 1)


@pytest.mark.requirement("R4.9")
def test_the_next_levels_hear_of_it_three_times_after_each_further_half() -> None:
    scenario = TicketScenario.dispatched().advance(10 * DAY).tick()
    escalations = [
        each
        for each in scenario.events
        if each.type == "escalated" and each.threshold and each.threshold.clock == "handling"
    ]
    assert [each.details["level"] for each in escalations] == [1, 2, 3]
    gaps = {second.at - first.at for first, second in pairwise(escalations)}
    assert gaps == {timedelta(hours=12)}


def test_a_monitor_that_comes_late_decides_everything_in_order_of_time() -> None:
    scenario = TicketScenario.dispatched().advance(30 * DAY).tick()
    times = [each.at for each in scenario.events]
    assert times == sorted(times)
    assert all(each.recorded_at == scenario.now for each in scenario.events if each.threshold is not None)


def test_a_tick_too_many_changes_nothing() -> None:
    scenario = TicketScenario.dispatched().advance(24 * HOUR).tick()
    before = scenario.current
    assert scenario.tick().tick().current == before


def test_a_tick_from_the_future_is_refused() -> None:
    scenario = TicketScenario.dispatched().advance(24 * HOUR)
    assert scenario.do(Tick(), at=scenario.now + timedelta(seconds=6)).refusal_code == "from_the_future"
    assert scenario.current.breaches == 0
    assert scenario.do(Tick(), at=scenario.now + timedelta(seconds=4)).current.breaches == 1


@pytest.mark.requirement("R4.9")
def test_what_is_due_is_decided_before_the_command_that_comes_late() -> None:
    scenario = (
        TicketScenario.dispatched().advance(25 * HOUR).do(FeedBack(result="已修复", cause="线路"), unit="network")
    )
    assert scenario.types[-3:] == ["warned", "breached", "fed_back"]


def test_what_is_due_is_decided_even_when_the_command_is_refused() -> None:
    scenario = TicketScenario.dispatched().advance(25 * HOUR).do(FeedBack(result="x", cause="y"), unit="billing")
    assert scenario.refusal_code == "not_allowed"
    assert scenario.current.breaches == 1


def test_thresholds_of_a_stage_that_ended_are_settled_with_the_reason() -> None:
    scenario = TicketScenario.dispatched().advance(HOUR).do(FeedBack(result="x", cause="y"), unit="network")
    scenario.do(Answer(explanation="e", agreement="agreed"), unit=CENTRE)
    states = {(each.state, each.reason) for each in scenario.timer("handling").thresholds}
    assert states == {(ThresholdState.SETTLED, "stage_ended")}


@pytest.mark.requirement("R4.9")
@settings(max_examples=60, deadline=None)
@given(looks=st.lists(st.integers(1, 5 * 24 * 60), max_size=12))
def test_however_often_and_whenever_the_monitor_looks_the_thresholds_are_the_same(looks: list[int]) -> None:
    """Promise 4: exactly one event for each threshold, whoever ticks when."""
    often, once = TicketScenario.dispatched(), TicketScenario.dispatched()
    for minutes in sorted(looks):
        often.now = once.now + minutes * MINUTE
        often.tick()
    often.now = once.now = once.now + 10 * DAY
    often.tick()
    once.tick()
    assert _decided(often) == _decided(once)
    keys = [
        (each.threshold.clock, each.threshold.run, each.threshold.limit, each.threshold.threshold)
        for each in often.events
        if each.threshold
    ]
    assert len(keys) == len(set(keys))
    assert all(each.at <= each.recorded_at for each in often.events)
    assert often.current.unit != CENTRE


def _withdrawn() -> TicketScenario:
    """Return a ticket of which nothing is to come but the archive."""
    return TicketScenario.opened().do(Withdraw(reason="r", evidence="calls/1"), unit=CENTRE)


def test_a_ticket_that_waits_for_the_archive_is_watched_by_nobody() -> None:
    scenario = _withdrawn()
    assert scenario.current.next_action_at is None
    assert scenario.current.archive_at == scenario.timer("archive").due_at > scenario.now + 365 * DAY


def test_reopening_brings_an_answered_ticket_back_from_the_archive_s_days() -> None:
    scenario = TicketScenario.opened(contact(settlement=settlement()))
    scenario.do(Close(), unit=CENTRE).do(EndCallback(reason="opted_out"))
    while scenario.current.next_action_at is not None:
        scenario.now = scenario.current.next_action_at + timedelta(microseconds=1)
        scenario.tick()
    assert scenario.current.archive_at is not None
    scenario.do(Reopen(reason="r"), unit=CENTRE)
    assert scenario.current.next_action_at is not None
    assert scenario.current.archive_at is None


def test_a_ticket_is_archived_by_a_tick_on_its_day_and_that_is_never_late() -> None:
    """The sweeper ticks day by day: up to a day after the instant, at which nobody has to do anything."""
    scenario = _withdrawn()
    due = scenario.current.archive_at
    assert due is not None
    scenario.now = due - timedelta(seconds=1)
    assert scenario.tick().types[-1] == "withdrawn"
    scenario.now = due + timedelta(hours=20)
    event = scenario.tick().events[-1]
    assert (event.type, event.at) == ("archived", due)
    assert event.threshold is not None
    assert event.threshold.late is False
    assert (scenario.current.next_action_at, scenario.current.archive_at) == (None, None)


def _decided(scenario: TicketScenario) -> list[tuple[str, datetime, Fired | None]]:
    """Return what happened when; how late it was decided is the monitor's matter."""
    return [
        (each.type, each.at, msgspec.structs.replace(each.threshold, late=False) if each.threshold else None)
        for each in scenario.events
    ]


@pytest.mark.requirement("R4.9")
@pytest.mark.parametrize(("seconds", "late"), [(0, False), (5, False), (6, True)])
def test_what_nobody_watched_in_time_is_marked_late(seconds: int, late: bool) -> None:  # noqa: FBT001 - a case
    scenario = TicketScenario.dispatched()
    due = scenario.current.next_action_at
    assert due is not None
    scenario.now = due + timedelta(seconds=seconds)
    (event,) = scenario.tick().events[-1:]
    assert event.threshold is not None
    assert event.threshold.late is late
