"""Units that assist the holder: asked, fed back, released, each by a clock of its own (002-1 §2.1.13, §2.4.4)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.action import (
    Answer,
    ApplyPolicy,
    Claim,
    Dispatch,
    FeedBack,
    Reclassify,
    ReleaseAssistance,
    Reopen,
    RequestAssistance,
    SendBack,
    Suspend,
    Tick,
    Transfer,
)
from schemas.ticket import SlaTimer, Status, ThresholdState
from services.domain.policy.limits import LimitPolicy
from services.domain.policy.outcome import ASSISTANCE
from services.ledger.batch_rows import threshold_key
from services.ledger.domain.handling import MOST_ASSISTING
from tests.builders import CENTRE, HOUR, MINUTE, PACK, TicketScenario
from tests.clock_invariants import check

OWNER = "fixed_owner"
CLOCK = "assistance"


def asked(*units: str, apart: timedelta = HOUR) -> TicketScenario:
    """Return a ticket whose owner has asked units to help, one after the other."""
    scenario = TicketScenario.dispatched(OWNER)
    for unit in units:
        scenario.advance(apart).do(RequestAssistance(unit=unit, demand="测速"), unit=OWNER)
    return scenario


def feed_back(scenario: TicketScenario, unit: str, result: str = "光缆损坏") -> TicketScenario:
    return scenario.do(FeedBack(result=result, cause="施工"), unit=unit)


def clocks(scenario: TicketScenario, unit: str) -> list[SlaTimer]:
    return [timer for timer in scenario.current.clocks if (timer.name, timer.unit) == (CLOCK, unit)]


def going(scenario: TicketScenario) -> set[str | None]:
    return {timer.unit for timer in scenario.current.clocks if timer.name == CLOCK and timer.stopped_at is None}


def verify(scenario: TicketScenario) -> None:
    """Check the invariants of every event, and that no threshold was decided twice."""
    before = None
    keys = [key for event in scenario.events if (key := threshold_key(event)) is not None]
    assert len(keys) == len(set(keys))
    for event in scenario.events:
        check(event, before, scenario.pack)
        before = event.ticket


@pytest.mark.requirement("R3.5", "R4.1")
def test_two_assisting_units_have_clocks_of_their_own() -> None:
    scenario = asked("network", "billing")
    (network,), (billing,) = clocks(scenario, "network"), clocks(scenario, "billing")
    assert billing.started_at - network.started_at == HOUR
    assert network.due_at - network.started_at == 24 * HOUR
    assert network.key != billing.key
    scenario.advance(23 * HOUR + MINUTE).tick()
    (network,), (billing,) = clocks(scenario, "network"), clocks(scenario, "billing")
    assert (network.exceeded, billing.exceeded) == (True, False)
    scenario.advance(HOUR).tick()
    fired = [
        (event.type, event.threshold.unit, event.details["unit"])
        for event in scenario.events
        if event.threshold is not None and event.threshold.clock == CLOCK
    ]
    assert fired == [
        ("warned", "network", "network"),
        ("warned", "billing", "billing"),
        ("breached", "network", "network"),
        ("breached", "billing", "billing"),
    ]
    verify(scenario)


@pytest.mark.requirement("R4.1")
def test_what_the_holder_does_silences_no_warning_of_an_assisting_unit() -> None:
    scenario = asked("network").do(Claim(person="王"), unit=OWNER).advance(23 * HOUR).tick()
    assert [event.details["unit"] for event in scenario.events if event.type == "warned"] == ["network"]


@pytest.mark.requirement("R2.7", "R3.5", "R3.9")
def test_an_assisting_unit_s_feedback_is_taken_and_the_ticket_stays() -> None:
    scenario = asked("network", "billing").do(Claim(person="王"), unit=OWNER).advance(HOUR)
    before = scenario.current
    feed_back(scenario, "network")
    ticket, event = scenario.current, scenario.events[-1]
    assert scenario.refusals == []
    assert event.type == "assistance_fed_back"
    assert event.details == {"unit": "network", "result": "光缆损坏", "cause": "施工", "notifies": [OWNER]}
    entry = ticket.entries[-1]
    assert (entry.kind, entry.unit, entry.text, entry.at) == (ASSISTANCE, "network", "光缆损坏", scenario.now)
    assert (ticket.status, ticket.unit, ticket.person) == (before.status, OWNER, "王")
    assert (ticket.outcome, ticket.dispatched_by) == (before.outcome, before.dispatched_by)
    assert ticket.assisting == ("billing",)
    assert going(scenario) == {"billing"}
    (network,) = clocks(scenario, "network")
    assert {point.state for point in network.thresholds} == {ThresholdState.SETTLED}
    assert network.stopped_by == "assistance_fed_back"
    scenario.advance(100 * HOUR).tick()
    assert not any(point.state is ThresholdState.FIRED for point in clocks(scenario, "network")[0].thresholds)
    verify(scenario)


@pytest.mark.requirement("R2.7")
def test_a_unit_that_has_fed_back_does_not_feed_back_again() -> None:
    scenario = feed_back(asked("network"), "network")
    assert feed_back(scenario, "network").refusal_code == "not_allowed"


@pytest.mark.requirement("R3.5", "R4.1")
@pytest.mark.parametrize("later", [timedelta(0), HOUR])
def test_a_unit_that_has_fed_back_can_be_asked_again_and_has_its_whole_limit(later: timedelta) -> None:
    scenario = feed_back(asked("network", "billing"), "network").advance(later)
    scenario.do(RequestAssistance(unit="network", demand="修复"), unit=OWNER)
    assert scenario.refusals == []
    first, second = clocks(scenario, "network")
    assert (second.started_at, second.due_at) == (scenario.now, scenario.now + 24 * HOUR)
    assert [first.run, clocks(scenario, "billing")[0].run, second.run] == [1, 2, 3]
    scenario.advance(100 * HOUR).tick()
    verify(scenario)


@pytest.mark.requirement("R2.7")
def test_the_feedback_goes_to_whoever_asked_and_to_the_holder() -> None:
    scenario = asked("network").do(Dispatch(unit="products"), unit=OWNER)
    assert going(scenario) == {"network"}
    feed_back(scenario, "network")
    assert scenario.events[-1].details["notifies"] == [OWNER, "products"]


@pytest.mark.requirement("R2.7")
@pytest.mark.parametrize(("unit", "code"), [(OWNER, ""), (CENTRE, ""), ("network", "not_allowed")])
def test_an_assisting_unit_is_released_by_the_holder_or_the_centre(unit: str, code: str) -> None:
    scenario = asked("network").advance(HOUR).do(ReleaseAssistance(unit="network", reason="r"), unit=unit)
    assert scenario.refusal_code == code
    assert going(scenario) == ({"network"} if code else set())
    verify(scenario)


@pytest.mark.requirement("R2.7")
def test_whoever_asked_may_release_although_another_unit_holds_the_ticket() -> None:
    scenario = asked("network").do(Dispatch(unit="products"), unit=OWNER)
    scenario.do(ReleaseAssistance(unit="network", reason="r"), unit=OWNER)
    assert scenario.current.assisting == ()
    scenario.do(ReleaseAssistance(unit="network", reason="r"), unit=CENTRE)
    assert scenario.refusal_code == "not_assisting"


@pytest.mark.requirement("R2.7")
def test_the_unit_that_holds_a_ticket_does_not_assist_itself() -> None:
    assert asked(OWNER).refusal_code == "same_unit"
    scenario = asked("network").do(Dispatch(unit="network"), unit=OWNER)
    assert (scenario.current.unit, scenario.current.assisting) == ("network", ())
    assert going(scenario) == set()
    feed_back(scenario, "network")
    assert scenario.events[-1].type == "handed_up"
    verify(scenario)


@pytest.mark.requirement("R4.1", "R4.11")
def test_assistance_goes_on_when_the_ticket_is_handed_over_and_ends_with_the_work() -> None:
    scenario = asked("network", "billing").do(Transfer(unit="products", reason="r"), unit=OWNER)
    assert going(scenario) == {"network", "billing"}
    feed_back(scenario, "products")
    assert (scenario.current.status, scenario.current.assisting) == (Status.FED_BACK, ())
    assert scenario.current.assistance_requests == ()
    assert going(scenario) == set()
    verify(scenario)


@pytest.mark.requirement("R2.7")
@pytest.mark.parametrize("end", ["send_back", "answer"])
def test_assistance_ends_when_no_unit_works_on_the_ticket_any_more(end: str) -> None:
    scenario = asked("network")
    if end == "send_back":
        scenario.do(SendBack(reason="r"), unit=OWNER)
    else:
        scenario.do(Answer(explanation="e", result="r", cause="c", agreement="agreed"), unit=CENTRE)
    assert scenario.refusals == []
    assert (scenario.current.assisting, going(scenario)) == ((), set())
    verify(scenario)


@pytest.mark.requirement("R4.5")
def test_assistance_does_not_survive_a_reopening() -> None:
    scenario = asked("network").do(Answer(explanation="e", result="r", cause="c", agreement="refused"), unit=CENTRE)
    # A ticket of before kept the units that assisted until it was reopened.
    scenario.ticket = scenario.current.replace(assisting=("network",))
    scenario.advance(HOUR).do(Reopen(reason="r"), unit=CENTRE)
    assert (scenario.current.assisting, going(scenario)) == ((), set())
    scenario.do(Dispatch(unit=OWNER), unit=CENTRE)
    scenario.do(RequestAssistance(unit="network", demand="d"), unit=OWNER)
    assert scenario.refusals == []
    assert going(scenario) == {"network"}


@pytest.mark.requirement("R4.11")
def test_the_clock_of_an_assisting_unit_waits_for_the_customer_too() -> None:
    scenario = asked("network").advance(HOUR)
    scenario.do(Suspend(waiting_for="customer", reason="r"), unit=OWNER)
    assert clocks(scenario, "network")[0].paused_at == scenario.now
    feed_back(scenario, "network")
    assert scenario.current.suspended == "customer"
    assert going(scenario) == set()
    verify(scenario)


@pytest.mark.requirement("R4.12")
def test_another_classification_re_limits_the_clock_of_each_assisting_unit() -> None:
    scenario = asked("network", "billing").advance(HOUR)
    changed = scenario.current.classification.replace(problem_type="interconnection")
    scenario.do(Reclassify(classification=changed, reason="r"), unit=CENTRE)
    for unit in ("network", "billing"):
        old, new = clocks(scenario, unit)
        assert (old.run, old.limit + 1) == (new.run, new.limit)
        assert new.due_at - new.started_at == 36 * HOUR
    verify(scenario)


@pytest.mark.requirement("R4.12")
def test_a_policy_that_adds_the_clock_starts_it_from_the_request() -> None:
    scenario = TicketScenario.dispatched(OWNER)
    before = tuple(rule for rule in PACK.limits.clocks if rule.runs_for is None)
    scenario.pack = replace(PACK, limits=LimitPolicy.model_construct(**{**dict(PACK.limits), "clocks": before}))
    for unit in ("network", "billing"):
        scenario.advance(HOUR).do(RequestAssistance(unit=unit, demand="d"), unit=OWNER)
    assert going(scenario) == set()
    scenario.pack = PACK
    scenario.advance(HOUR).do(ApplyPolicy(version="v"))
    assert scenario.now - clocks(scenario, "network")[0].started_at == 2 * HOUR
    assert scenario.now - clocks(scenario, "billing")[0].started_at == HOUR
    assert len({timer.key for timer in scenario.current.clocks}) == len(scenario.current.clocks)
    check(scenario.events[-1], None, PACK)


def test_a_unit_that_assisted_before_requests_were_kept_has_its_clock_from_now_on() -> None:
    scenario = TicketScenario.dispatched(OWNER)
    scenario.ticket = scenario.current.replace(assisting=("network",))
    scenario.advance(HOUR).do(Claim(person="王"), unit=OWNER)
    assert clocks(scenario, "network")[0].started_at == scenario.now
    scenario.advance(HOUR).do(Tick())
    feed_back(scenario, "network")
    assert (scenario.current.assisting, going(scenario)) == ((), set())


@pytest.mark.requirement("R2.7")
def test_the_number_of_units_that_assist_at_once_is_bounded() -> None:
    scenario = TicketScenario.dispatched(OWNER)
    units = [code for code in PACK.units if code != OWNER]
    for unit in units[:MOST_ASSISTING]:
        scenario.do(RequestAssistance(unit=unit, demand="d"), unit=OWNER)
    assert scenario.refusals == []
    last = units[MOST_ASSISTING]
    assert scenario.do(RequestAssistance(unit=last, demand="d"), unit=OWNER).refusal_code == "too_many"
    feed_back(scenario, units[0])
    scenario.do(RequestAssistance(unit=last, demand="d"), unit=OWNER)
    assert len(scenario.current.assisting) == MOST_ASSISTING
    verify(scenario)


def test_many_requests_leave_a_ticket_as_small_as_few() -> None:
    scenario = TicketScenario.dispatched(OWNER)
    for _ in range(40):
        scenario.advance(MINUTE).do(RequestAssistance(unit="network", demand="d"), unit=OWNER)
        feed_back(scenario, "network")
    assert scenario.refusals == []
    assert len(clocks(scenario, "network")) <= 16
    assert clocks(scenario, "network")[-1].run == 40
    verify(scenario)
