"""Each decision, clock, notice, callback and figure of a case is explained with the rule that said so."""

import json
import tomllib
from datetime import timedelta
from typing import Any

import pytest

from deploy.tools.checkout import PROJECT
from duban.case_file import ContactCase, parse_case
from duban.explanation import explain
from duban.explanation_text import as_text
from duban.rehearsal_input import RehearsalError, received_at
from tests.builders import HOUR, MORNING, PACKS
from tests.unit.duban.test_day_file import places, replaced

POLICIES = PROJECT / "policies"
CONTACT = {"received_at": MORNING.isoformat(), "text": "家里宽带网速很慢", "customer": {"phone": "13800000001"}}


def explained(commands: list[dict[str, Any]], until: str | None = None, pack: str = "carrier", **contact: Any) -> Any:
    document = {"contact": CONTACT | contact, "commands": commands, "until": until}
    return explain(parse_case(json.dumps(document).encode()), PACKS[pack], MORNING).as_json()


def command(hours: float, unit: str | None, action: Any, **more: Any) -> dict[str, Any]:
    return {"at": (MORNING + hours * HOUR).isoformat(), "unit": unit, "action": action, **more}


DISPATCH = command(1, "provincial_centre", {"type": "dispatch", "unit": "network"})
FEED_BACK = command(2, "network", {"type": "feed_back", "result": "已修复", "cause": "老化"})
ANSWER = command(3, "provincial_centre", {"type": "answer", "explanation": "已修好", "agreement": "agreed"})


@pytest.mark.requirement("R7.4", "R8.1")
def test_a_handled_case_shows_everything_with_its_rule() -> None:
    found = explained([DISPATCH, FEED_BACK, ANSWER])
    assert (found["tier"], found["priority"], found["department"]) == ("provincial", 3, "network")
    assert (found["business_type"], found["problem_type"]) == ("broadband", "quality_inside")
    assert found["path"] == ["provincial_centre", "network"]
    assert {"tier", "priority", "business_type", "department", "centre"} <= {
        each["subject"] for each in found["reasons"]
    }
    clocks = {clock["clock"]: clock for clock in found["clocks"]}
    handling = clocks["handling"]
    assert (handling["start"], handling["warn_at"], handling["due_at"], handling["state"]) == (
        "2026-03-12T10:00:00+08:00",
        "2026-03-13T07:36:00+08:00",
        "2026-03-13T10:00:00+08:00",
        "stopped",
    )
    assert clocks["callback"]["state"] == "running"
    letters = [(notice["to"], notice["letter"]) for notice in found["notices"]]
    assert letters == [("customer", "acceptance"), ("unit.network", "dispatch"), ("customer", "answer")]
    assert (found["callback"]["state"], found["callback"]["due_at"] is not None) == ("planned", True)
    assert {"name": "on_time_completion", "adds": "1/1"}.items() <= figure(found, "on_time_completion").items()
    for part in (*found["reasons"], *found["clocks"], *found["notices"], found["callback"], *found["figures"]):
        assert part["rule"]
        assert part["source"]


def figure(found: Any, name: str) -> dict[str, Any]:
    (one,) = [each for each in found["figures"] if each["name"] == name]
    assert isinstance(one, dict)
    return one


@pytest.mark.requirement("R4.1", "R4.9")
def test_clocks_run_on_to_a_later_time() -> None:
    found = explained([DISPATCH], until=(MORNING + timedelta(days=3)).isoformat())
    states = {clock["clock"]: clock["state"] for clock in found["clocks"]}
    assert (states["handling"], states["promise"], states["review"]) == ("exceeded", "exceeded", "stopped")
    assert ("supervision", "unit.network") in {(notice["letter"], notice["to"]) for notice in found["notices"]}
    assert found["at"] == "2026-03-15T09:00:00+08:00"


def test_a_refused_command_says_why() -> None:
    found = explained([command(1, "network", "close")])
    assert found["commands"][0]["refused"]["code"] == "not_allowed"
    assert "refused (not_allowed)" in as_text(found)


def test_an_expected_version_counts() -> None:
    found = explained([DISPATCH | {"expected_version": 9}])
    assert found["commands"][0]["refused"]["code"] == "version_mismatch"


@pytest.mark.requirement("R2.4")
def test_what_the_customer_writes_again_is_routed() -> None:
    again = {
        "at": (MORNING + HOUR).isoformat(),
        "contact": {"text": "手机流量扣费不对", "customer": CONTACT["customer"]},
    }
    found = explained([again])
    (further,) = found["further_tickets"]
    assert (further["business_type"], further["received_at"]) == ("mobile_data", "2026-03-12T10:00:00+08:00")


def test_a_contact_alone_shows_what_a_dispatch_would_start() -> None:
    found = explained([])
    assert found["if_dispatched_at_once"]["unit"] == "network"
    assert [clock["clock"] for clock in found["if_dispatched_at_once"]["clocks"]] == ["handling"]
    assert "Were it dispatched at once to network" in as_text(found)


def test_a_level_that_is_not_vip_says_which_are() -> None:
    (reason,) = [each for each in explained([], customer={"level": "普卡"})["reasons"] if each["subject"] == "vip"]
    assert (reason["value"], "金卡" in reason["rule"]) == ("no", True)


@pytest.mark.parametrize("name", sorted(path.parent.name for path in POLICIES.glob("*/day.toml")))
def test_every_contact_of_every_example_day_can_be_explained(name: str) -> None:
    for case in tomllib.loads((POLICIES / name / "day.toml").read_text(encoding="utf-8"))["case"]:
        at = received_at(case["contact"])
        assert at is not None
        document = explain(ContactCase(case["contact"]), PACKS[name], at).as_json()
        assert json.dumps(document, ensure_ascii=False)
        assert "by which rule" in as_text(document)


CASE: dict[str, Any] = {
    "contact": CONTACT | {"kind": "complaint", "labels": ["宽带"], "wanted_by": "2026-03-20T09:00:00+08:00"},
    "commands": [
        DISPATCH | {"expected_version": 2, "ticket": 1},
        {"at": (MORNING + HOUR).isoformat(), "contact": {"text": "手机扣费"}},
        command(
            2, "network", {"type": "request_extension", "explanation": "e", "committed_until": "2026-03-14T09:00:00Z"}
        ),
    ],
    "until": "2026-04-01T09:00:00+08:00",
}


JUNK: tuple[Any, ...] = (
    None,
    0,
    True,
    "",
    "x",
    "9999-12-31T23:59:59Z",
    [],
    [1],
    [{}],
    {},
    {"type": "tick"},
    10**30,
    "\ud800",
)


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize("path", [path for path in places(CASE) if path])
def test_damage_anywhere_in_a_case_is_answered_in_words(path: tuple[Any, ...]) -> None:
    for junk in JUNK:
        try:
            case = parse_case(json.dumps(replaced(CASE, path, junk)).encode())
            found = explain(case, PACKS["carrier"], received_at(case.contact) or MORNING).as_json()
        except RehearsalError as error:
            assert str(error)
        else:
            assert as_text(found).encode()
