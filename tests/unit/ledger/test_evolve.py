"""Whatever anybody does to a ticket in whatever order: the promises hold (hypothesis)."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.action import (
    Answer,
    ApproveExtension,
    Claim,
    Close,
    DenyExtension,
    Dispatch,
    FeedBack,
    Reopen,
    ReplyProgress,
    RequestExtension,
    Resume,
    SendBack,
    Suspend,
    Tick,
    Transfer,
    Withdraw,
)
from schemas.command import Action
from schemas.customer_actions import AnswerSurvey
from schemas.event import TicketEvent
from schemas.ticket import Status, Survey, ThresholdState, Ticket
from services.domain.sla import timer as clocks
from services.ledger.domain.evolve import evolve
from services.ledger.domain.lifecycle import LIFECYCLE, diagram, name_of, transition
from tests.builders import CENTRE, MINUTE, PACK, TicketScenario

UNITS = st.sampled_from([CENTRE, "network", "billing", "fixed_owner", "provincial_service"])


def _actions(scenario: TicketScenario) -> list[Action]:
    until = scenario.now + timedelta(hours=30)
    return [
        Dispatch(unit="network"),
        Dispatch(unit="billing"),
        Claim(person="王工"),
        SendBack(reason="x"),
        Transfer(unit="fixed_owner", reason="x"),
        FeedBack(result="r", cause="c"),
        Answer(explanation="e", agreement="agreed"),
        ReplyProgress(text="p"),
        RequestExtension(explanation="x", committed_until=until),
        ApproveExtension(),
        DenyExtension(reason="x"),
        Suspend(waiting_for="customer", reason="x"),
        Resume(),
        Close(cause="c", owner="network"),
        Reopen(reason="x"),
        Withdraw(reason="x"),
        AnswerSurvey(survey=Survey(process=5, result=2, staff=4)),
        Tick(),
    ]


STEPS = st.lists(st.tuples(st.integers(0, 17), UNITS, st.integers(0, 40 * 60)), max_size=14)


def _scenario_of(steps: list[tuple[int, str, int]]) -> TicketScenario:
    scenario = TicketScenario.opened()
    for number, unit, minutes in steps:
        scenario.advance(minutes * MINUTE).do(_actions(scenario)[number], unit=unit)
    return scenario


def _through_json(event: TicketEvent) -> TicketEvent:
    return TicketEvent.from_json(event.to_json())


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_folding_the_events_gives_the_ticket(steps: list[tuple[int, str, int]]) -> None:
    """Promise 3, also for events that went through JSON."""
    scenario = _scenario_of(steps)
    folded: Ticket | None = None
    for event in scenario.events:
        folded = evolve(folded, _through_json(event))
        assert folded == event.ticket
    assert folded == scenario.current
    assert [each.version for each in scenario.events] == list(range(1, len(scenario.events) + 1))


@pytest.mark.requirement("R4.9", "R4.11")
@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_every_threshold_is_decided_once_and_never_early(steps: list[tuple[int, str, int]]) -> None:
    """Promise 4."""
    scenario = _scenario_of(steps)
    keys = [
        (each.threshold.clock, each.threshold.run, each.threshold.limit, each.threshold.threshold)
        for each in scenario.events
        if each.threshold is not None
    ]
    assert len(keys) == len(set(keys))
    for event in scenario.events:
        if event.threshold is not None:
            assert event.threshold.due_at <= event.recorded_at
    times = [each.at for each in scenario.events]
    assert times == sorted(times)


@pytest.mark.requirement("R4.11")
@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_clocks_never_lose_used_time_and_a_ticket_that_is_over_has_none_running(
    steps: list[tuple[int, str, int]],
) -> None:
    scenario = _scenario_of(steps)
    used: dict[Any, timedelta] = {}
    for event in scenario.events:
        for each in event.ticket.clocks:
            calendar = PACK.calendar(each.calendar)
            now = clocks.used_until(each, event.at, calendar)
            assert now >= used.get(each.key, timedelta(0))
            used[each.key] = now
    scenario.advance(timedelta(days=400)).tick()
    open_ = [
        threshold
        for each in scenario.current.clocks
        for threshold in each.thresholds
        if threshold.state is ThresholdState.OPEN and each.running and not each.held and each.name != "archive"
    ]
    assert open_ == []
    if scenario.current.status is Status.WITHDRAWN:
        assert all(each.stopped_at is not None for each in scenario.current.clocks if each.name != "archive")


@settings(max_examples=100, deadline=None)
@given(steps=STEPS)
def test_no_action_happens_in_a_status_that_the_table_does_not_allow(steps: list[tuple[int, str, int]]) -> None:
    scenario = TicketScenario.opened()
    for number, unit, minutes in steps:
        action = _actions(scenario)[number]
        scenario.advance(minutes * MINUTE).tick()
        before, refusals = scenario.current.status, len(scenario.refusals)
        scenario.do(action, unit=unit)
        if before not in transition(action).allowed:
            assert len(scenario.refusals) == refusals + 1


def test_the_table_of_states_knows_every_action() -> None:
    assert all(f"| {name_of(action)} |" in diagram() for action in LIFECYCLE)


def test_an_event_that_does_not_follow_is_not_folded() -> None:
    scenario = TicketScenario.opened()
    with pytest.raises(ValueError, match="cannot follow"):
        evolve(None, scenario.events[-1])
