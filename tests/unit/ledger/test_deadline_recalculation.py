"""A version of the policy that adds, removes, renames or shortens clocks, applied to tickets on their way (R4.12)."""

import re
from datetime import timedelta

import pytest

from deploy.tools.checkout import PROJECT
from schemas.action import ApplyPolicy, FeedBack, Withdraw
from schemas.event import TicketEvent
from schemas.ticket import Status, ThresholdState
from services.domain.policy import loading
from services.domain.policy.pack import Pack
from tests.builders import CENTRE, HOUR, MINUTE, PACK, TicketScenario

FILES = loading.read_files(PROJECT / "policies", "carrier")
LIMITS = FILES["limits.toml"]
FIRST_LOOK = """
[[clock]]
name = "first_look"
title = { zh = "首次查看", en = "First look" }
calendar = "elapsed"
while = { status = ["dispatched", "handling"] }

[clock.breach]
notifies = ["unit", "next_level"]
escalate_every = 0.5
escalations = 2
ours = "a test"

[[clock.warnings]]
part = 0.5
notifies = ["unit"]
ours = "a test"

[[clock.limits]]
name = "first look"
value = "4h"
ours = "a test"
"""


def pack(limits: str) -> Pack:
    """Return the carrier's pack with other clocks."""
    assert limits != LIMITS
    return loading.from_files("carrier", FILES | {"limits.toml": limits})


WITH_FIRST_LOOK = pack(LIMITS + FIRST_LOOK)
# The clock of an assisting unit names the one whose limits it has.
RENAMED = pack(LIMITS.replace('= "handling"', '= "work"'))
WITHOUT_HANDLING = pack(
    re.sub(
        r'(?ms)^\[\[clock\]\]\nname = "handling"\n.*?(?=^\[\[clock\]\]|^# ----)',
        "",
        LIMITS.replace('value = "handling"', 'value = "review"'),
        count=1,
    )
)


def applied(scenario: TicketScenario, to: Pack) -> list[TicketEvent]:
    """Put a version in force and apply it to the ticket, as `duban policy apply` does; returns the events of that."""
    before = len(scenario.events)
    scenario.pack = to
    scenario.do(ApplyPolicy(version=to.reference.version))
    return scenario.events[before:]


def running(scenario: TicketScenario) -> set[str]:
    return {timer.name for timer in scenario.current.clocks if timer.running}


def test_a_clock_that_a_version_adds_starts_where_its_state_began() -> None:
    scenario = TicketScenario.dispatched()
    began = scenario.now
    (event,) = applied(scenario.advance(HOUR), WITH_FIRST_LOOK)
    timer = scenario.timer("first_look")
    assert (event.type, timer.started_at, timer.due_at) == ("policy_applied", began, began + 4 * HOUR)
    scenario.now = began + 2 * HOUR + MINUTE
    assert scenario.tick().types[-1] == "warned"
    scenario.now = began + 4 * HOUR + MINUTE
    assert scenario.tick().types[-1] == "breached"


def test_a_clock_that_a_version_removes_ends_without_a_breach() -> None:
    scenario = TicketScenario.dispatched()
    assert "handling" in running(scenario)
    applied(scenario.advance(HOUR), WITHOUT_HANDLING)
    ended = scenario.timer("handling")
    assert (ended.stopped_by, ended.stopped_at) == ("policy_applied", scenario.now)
    assert {point.reason for point in ended.thresholds} == {"not_in_policy"}
    scenario.advance(timedelta(days=9)).tick()
    assert "handling" not in {clock for clock, _, outcome in scenario.decided_thresholds() if outcome == "fired"}


def test_a_renamed_clock_goes_on_under_its_new_name_only() -> None:
    scenario = TicketScenario.dispatched()
    due = scenario.timer("handling").due_at
    applied(scenario.advance(HOUR), RENAMED)
    assert {"handling", "work"} & running(scenario) == {"work"}
    assert scenario.timer("work").due_at == due
    scenario.do(FeedBack(result="已修复", cause="线路"), unit="network").advance(timedelta(days=9)).tick()
    fired = {clock for clock, _, outcome in scenario.decided_thresholds() if outcome == "fired"}
    assert fired.isdisjoint({"handling", "work"}), "the ticket was fed back in time under either name"


def test_what_would_be_past_is_missed_without_a_warning_or_breach() -> None:
    scenario = TicketScenario.dispatched().advance(5 * HOUR)
    counts = (scenario.current.warnings, scenario.current.breaches, scenario.current.supervisions)
    (event,) = applied(scenario, WITH_FIRST_LOOK)
    assert event.type == "policy_applied"
    states = {point.name: (point.state, point.reason) for point in scenario.timer("first_look").thresholds}
    missed = (ThresholdState.SETTLED, "missed")
    assert states["warning"] == states["breach"] == missed
    assert applied(scenario, WITH_FIRST_LOOK) == [], "applied once more it changes nothing"
    scenario.tick()
    assert counts == (scenario.current.warnings, scenario.current.breaches, scenario.current.supervisions)
    assert scenario.timer("first_look").exceeded, "it counts as over, so no extension or re-tiering revives it"


def test_after_a_missed_limit_the_next_levels_are_still_notified() -> None:
    scenario = TicketScenario.dispatched().advance(5 * HOUR)
    applied(scenario, WITH_FIRST_LOOK)
    at = scenario.now
    scenario.advance(timedelta(days=2)).tick()
    notified = [
        (event.type, event.at - at)
        for event in scenario.events
        if event.threshold is not None and event.threshold.clock == "first_look"
    ]
    assert notified == [("escalated", 2 * HOUR), ("escalated", 4 * HOUR)]


def test_a_shortened_limit_that_would_be_past_is_missed_too() -> None:
    scenario = TicketScenario.dispatched()
    applied(scenario.advance(HOUR), WITH_FIRST_LOOK)
    applied(scenario.advance(2 * HOUR), pack(LIMITS + FIRST_LOOK.replace('value = "4h"', 'value = "1h"')))
    timer = scenario.timer("first_look")
    assert (timer.limit, timer.exceeded) == (2, True)
    assert scenario.tick().current.breaches == 0


def test_a_clock_that_is_added_while_the_stage_is_over_does_not_start() -> None:
    scenario = TicketScenario.dispatched().advance(HOUR).do(FeedBack(result="x", cause="y"), unit="network")
    assert applied(scenario, WITH_FIRST_LOOK) == []


def test_a_ticket_that_waits_for_the_archive_gets_its_new_time() -> None:
    scenario = TicketScenario.opened().do(Withdraw(reason="r", evidence="calls/1"), unit=CENTRE)
    before = scenario.current.archive_at
    assert before is not None
    applied(scenario, pack(LIMITS.replace("1096d", "2000d")))
    assert scenario.current.archive_at == before + timedelta(days=2000 - 1096)
    assert scenario.current.next_action_at is None


def test_a_ticket_whose_new_time_for_the_archive_is_past_is_archived_at_once() -> None:
    scenario = (
        TicketScenario.opened().do(Withdraw(reason="r", evidence="calls/1"), unit=CENTRE).advance(timedelta(days=200))
    )
    events = applied(scenario, pack(LIMITS.replace("1096d", "100d")))
    assert [event.type for event in events] == ["policy_applied", "archived"]
    assert scenario.current.status is Status.ARCHIVED


@pytest.mark.parametrize("hours", [1, 5, 30, 24 * 40])
def test_the_same_version_applied_changes_nothing(hours: int) -> None:
    scenario = TicketScenario.dispatched().advance(hours * HOUR).tick()
    assert applied(scenario, PACK) == []
