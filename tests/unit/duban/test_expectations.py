"""What a day can expect, that each difference is a line, and that a word which nobody knows never matches."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from duban.expectations import differences
from duban.policy_simulation import PolicySimulation
from duban.rehearsal_input import RehearsalError, build_action
from tests.builders import CENTRE, HOUR, MORNING, PACKS, contact

CLOSING = datetime.fromisoformat("2026-03-23T17:30:00+08:00")


def answered() -> PolicySimulation:
    simulation = PolicySimulation(PACKS["carrier"])
    simulation.receive(contact())
    simulation.act(build_action({"type": "dispatch", "unit": "network"}), MORNING + HOUR, CENTRE)
    done = {"type": "feed_back", "result": "更换光猫", "cause": "老化"}
    simulation.act(build_action(done), MORNING + 2 * HOUR, "network")
    answer = {"type": "answer", "explanation": "已修好", "agreement": "agreed"}
    simulation.act(build_action(answer), MORNING + 3 * HOUR, CENTRE)
    return simulation


@pytest.mark.requirement("R4.1", "R5.3", "R5.8", "R6.1", "R8")
@pytest.mark.parametrize(
    "expected",
    [
        {"notices": {"customer": ["answer"], "unit.network": []}},
        {"callback": {"state": "planned", "attempts": 0}},
        {"figures": {"complaints": 1, "on_time_completion": "1/1", "extensions": False, "escalated_solved": False}},
        {"clocks": {"handling": {"state": "stopped", "start": MORNING + HOUR, "run": 1}}},
        {"clocks": {"handling": {"readers": {"warning": ["person", "unit"]}}}},
        {"outcome": {"agreement": "agreed", "cause": "老化"}, "had_by": [CENTRE, "network"]},
        {"running": {"callback": MORNING + timedelta(days=7, hours=3), "closing": CLOSING}},
        {"may": {"billing": [], "customer": ["answer_survey", "attach", "end_callback", "reject", "withdraw"]}},
        {"events": ["fed_back", "answered"], "happened": ["dispatched"], "origin": "", "vip": False},
    ],
)
def test_what_can_be_expected(expected: dict[str, Any]) -> None:
    assert list(differences(answered(), expected)) == []


@pytest.mark.parametrize(
    ("expected", "line"),
    [
        ({"notices": {"customer": []}}, "notices.customer is ['answer'], not []"),
        ({"callback": {"state": "none"}}, "callback.state is 'planned', not 'none'"),
        ({"figures": {"complaints": "1/1"}}, "figures.complaints is 1, not '1/1'"),
        ({"vip": 0}, "vip is False, not 0"),
        (
            {"clocks": {"promise": {"start": MORNING + HOUR, "run": 1}}},
            "clocks.promise.start is 2026-03-12T09:00:00+08:00, not 2026-03-12T10:00:00+08:00",
        ),
        ({"status": "closd"}, "status is 'answered', not 'closd'"),
        ({"may": {"billing": ["claim"]}}, "may.billing is [], not ['claim']"),
        ({"who_may": {"tick": []}}, "who_may.tick is ['service.ledger', 'service.sla_monitor'], not []"),
        ({"due": {"promise": 0}}, "due.promise is False, not 0"),
        ({"outcome": {"cause": "x"}}, "outcome.cause is '老化', not 'x'"),
    ],
)
def test_a_difference_is_a_line(expected: dict[str, Any], line: str) -> None:
    assert list(differences(answered(), expected)) == [line]


@pytest.mark.requirement("R8")
@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"clocks": {"handeling": {"state": "running"}}}, "did you mean 'handling'?"),
        ({"running": {"handeling": False}}, "did you mean 'handling'?"),
        ({"may": {"netwrk": []}}, "did you mean 'network'?"),
        ({"who_may": {"clam": []}}, "did you mean 'claim'?"),
        ({"acts_for": "netwrk"}, "did you mean 'network'?"),
        ({"due": {"handeling": False}}, "did you mean 'handling'?"),
        ({"due": {"assistance/netwrk": False}}, "did you mean 'network'?"),
        ({"clocks": {"promise": {"warn": []}}}, "did you mean 'warns'?"),
        ({"clocks": {"promise": {"readers": {"warnin": []}}}}, "did you mean 'warning'?"),
        ({"teir": "general"}, "did you mean 'tier'?"),
        ({"happened": ["dispached"]}, "did you mean 'dispatched'?"),
        ({"events": ["anwsered"]}, "did you mean 'answered'?"),
        ({"notices": {"unit.netwrk": []}}, "did you mean 'unit.network'?"),
        ({"notices": {"customer": ["anwser"]}}, "did you mean 'answer'?"),
        ({"callback": {"mean": "sms"}}, "did you mean 'means'?"),
        ({"figures": {"complaint": 1}}, "did you mean 'complaints'?"),
        ({"routed": "reminded"}, "did you mean 'remind'?"),
        ({"outcome": {"casue": "x"}}, "did you mean 'cause'?"),
        ({"clocks": {}}, "clocks: it is empty, so it expects nothing"),
        ({"clocks": {"promise": {}}}, "clocks.promise: it is empty, so it expects nothing"),
        ({"happened": []}, "happened: write a list of types of events"),
        ({"due": 5}, "due: write a table of names and values, not 5"),
        ({"promised_at": datetime(2026, 3, 14, 9)}, "2026-03-14T09:00:00 has no offset from UTC"),
    ],
)
def test_a_misspelt_or_empty_expectation_is_an_error_that_names_it(expected: dict[str, Any], message: str) -> None:
    with pytest.raises(RehearsalError, match=re.escape(message)):
        list(differences(answered(), expected))


@pytest.mark.requirement("R2.4", "R8")
@pytest.mark.parametrize(
    ("text", "days", "expected"),
    [
        ("宽带怎么还没修好", 0, {"routed": "remind", "reminders": 1}),
        ("手机流量扣费不对", 0, {"routed": "new", "business_type": "mobile_data"}),
        ("宽带网速慢，对处理结果不满意", 3, {"routed": "reopen", "status": "dispatched", "run": 2}),
        ("家里宽带网速很慢，已经一个星期了", 60, {"routed": "new", "links": ["repeat"]}),
    ],
)
def test_what_becomes_of_a_second_contact_can_be_expected(text: str, days: int, expected: dict[str, Any]) -> None:
    simulation = answered()
    if days:
        simulation.act(build_action("close"), MORNING + 4 * HOUR, CENTRE)
    second = contact("second", text=text, received_at=MORNING + 5 * HOUR + timedelta(days=days))
    simulation.receive(second)
    assert list(differences(simulation, expected)) == []


@pytest.mark.requirement("R2.7")
def test_for_whom_a_supervising_unit_acted() -> None:
    simulation = PolicySimulation(PACKS["carrier"])
    simulation.receive(contact())
    simulation.act(build_action({"type": "dispatch", "unit": "network"}), MORNING, CENTRE)
    assert list(differences(simulation, {"acts_for": ""})) == []
    simulation.act(build_action({"type": "claim", "person": "A"}), MORNING + HOUR, "provincial_service")
    assert list(differences(simulation, {"acts_for": "network"})) == []
    assert list(differences(simulation, {"acts_for": ""})) == ["acts_for is 'network', not ''"]
