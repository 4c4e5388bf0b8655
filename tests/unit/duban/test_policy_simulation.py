"""Every pack plays the day that was written by hand from the customer's documents (R8)."""

import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from deploy.tools.checkout import PROJECT
from duban import policy_simulation
from schemas.action import Dispatch
from services.domain.policy import loading
from tests.builders import MORNING, PACKS, contact

POLICIES = PROJECT / "policies"


def differences(name: str) -> dict[str, list[str]]:
    played = policy_simulation.play(POLICIES / name / "day.toml", PACKS[name])
    return {case: found for case, found in played if found}


@pytest.mark.requirement("R2.10", "R3.1", "R3.2", "R3.8", "R3.10", "R3.9", "R4.2", "R4.3", "R4.4", "R5.6", "R7.5", "R8")
def test_a_day_of_a_carrier() -> None:
    assert differences("carrier") == {}


@pytest.mark.requirement("R3.11", "R3.12", "R4.5", "R5.9", "R8")
def test_a_day_of_a_bus_operator() -> None:
    assert differences("bus") == {}


@pytest.mark.requirement("R3.12", "R4.6", "R5.1", "R5.9", "R8")
def test_a_day_of_a_service_company() -> None:
    assert differences("service_company") == {}


@pytest.mark.requirement("R2.9", "R3.11", "R4.7", "R5.2", "R8")
def test_a_day_of_a_property_manager() -> None:
    assert differences("property") == {}


@pytest.mark.requirement("R3.13", "R4.8", "R5.9", "R5.12", "R8")
def test_a_day_of_an_enterprise() -> None:
    assert differences("enterprise") == {}


@pytest.mark.requirement("R2.8", "R3.6", "R4.8", "R8")
def test_a_day_of_a_call_centre() -> None:
    assert differences("call_centre") == {}


@pytest.mark.requirement("R3.11", "R4.8", "R5.11", "R8")
def test_a_day_of_a_carrier_of_goods() -> None:
    assert differences("logistics") == {}


@pytest.mark.requirement("R3.11", "R4.8", "R8")
def test_a_day_of_a_bank() -> None:
    assert differences("bank") == {}


@pytest.mark.requirement("R3.11", "R4.8", "R5.10", "R8")
def test_a_day_of_a_shop() -> None:
    assert differences("ecommerce") == {}


def test_every_pack_has_a_day_that_is_played_here() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    for pack in POLICIES.glob("*/pack.toml"):
        assert f'differences("{pack.parent.name}")' in here
        assert (pack.parent / "day.toml").is_file()


TENTH = {
    "pack.toml": """
        name = "library"
        version = "1"
        zone = "Europe/Berlin"
        centre = "desk"
        supervisor = "director"
        title = { zh = "图书馆", en = "Library" }
        calendar = { roll = false, ours = "x" }
    """,
    "units.toml": """
        ours = "an invented library"
        [[unit]]
        code = "director"
        kind = "leadership"
        answers_customer = true
        title = { zh = "馆长", en = "Director" }
        [[unit]]
        code = "desk"
        kind = "centre"
        parent = "director"
        answers_customer = true
        title = { zh = "服务台", en = "Desk" }
        [[unit]]
        code = "stacks"
        kind = "handling"
        parent = "director"
        title = { zh = "书库", en = "Stacks" }
    """,
    "types.toml": """
        problem = []
        [[group]]
        code = "books"
        title = { zh = "图书", en = "Books" }
        [[business]]
        code = "missing_book"
        group = "books"
        title = { zh = "缺书", en = "Missing book" }
        words = ["not on the shelf"]
        ours = "x"
    """,
    "limits.toml": """
        lower_bound_for = { value = [], ours = "x" }
        extension = { per_stage = 1, at_most = 1.0, lapses_after = "2h", ours = "x" }
        suspension = { at_most = "72h", reminder_after = "48h", ours = "x" }
        [usual.breach]
        notifies = ["unit", "next_level"]
        ours = "x"
        [[clock]]
        name = "promise"
        title = { zh = "时限", en = "Promise" }
        outer = true
        calendar = "elapsed"
        while = { status = ["accepted", "dispatched", "handling", "fed_back"] }
        anchor = "acceptance"
        [[clock.limits]]
        name = "for books of rare value"
        when = { signal = ["importance"] }
        value = "6h"
        ours = "x"
        [[clock.limits]]
        name = "for all"
        value = "36h"
        ours = "x"
    """,
    "routing.toml": """
        kinds = ["complaint"]
        titles = { complaint = { zh = "投诉", en = "complaint" }, plain = { zh = "一般", en = "plain" } }
        vip = { levels = ["professor"], ours = "x" }
        [[signal]]
        name = "rare"
        signal = "importance"
        words = ["incunable"]
        ours = "x"
        [[tier]]
        name = "all"
        tier = "plain"
        ours = "x"
        [[priority]]
        name = "all"
        all = []
        priority = 3
        ours = "x"
        [[department]]
        name = "books"
        when = { group = ["books"] }
        unit = "stacks"
        ours = "x"
    """,
    "outcome.toml": """
        closing = { needs = ["explanation", "found"], ours = "x" }
        rejection = { then = "investigate_again", ours = "x" }
        repeat = { reopen_within = "7d", dispute_words = ["again"], ours = "x" }
        survey = { satisfied_from = 4, dissatisfied_to = 2, ours = "x" }
        [[entry]]
        kind = "found"
        title = { zh = "找到", en = "Found" }
        by = ["stacks"]
        ours = "x"
        [callback]
        first_after = "24h"
        first_after_vip = "4h"
        hours_from = 09:00:00
        hours_until = 20:00:00
        attempts = 1
        retry_after = "4h"
        means = "mail"
        ours = "x"
        [form]
        title = { zh = "登记", en = "Slip" }
        field = [{ path = "text", title = { zh = "内容", en = "What" }, required = true }]
        ours = "x"
    """,
    "day.toml": """
        [[case]]
        name = "an incunable is not where it should be"
        [case.contact]
        at = 2026-03-12T10:00:00+01:00
        text = "The incunable is not on the shelf"
        [case.expect]
        tier = "plain"
        department = "stacks"
        promised_at = 2026-03-12T16:00:00+01:00
        [[case.step]]
        at = 2026-03-12T17:00:00+01:00
        do = { type = "tick" }
        expect = { breaches = 1 }
        [[case.step]]
        at = 2026-03-12T17:10:00+01:00
        unit = "desk"
        do = { type = "answer", explanation = "It was being restored", agreement = "agreed" }
        expect = { status = "answered" }
        [[case.step]]
        at = 2026-03-12T17:20:00+01:00
        unit = "desk"
        do = { type = "close" }
        expect = { refused = "missing", missing = ["found"] }
        [[case.step]]
        at = 2026-03-12T17:30:00+01:00
        unit = "stacks"
        do = { type = "record", kind = "found", text = "in the workshop" }
        [[case.step]]
        at = 2026-03-12T17:40:00+01:00
        unit = "desk"
        do = { type = "close" }
        expect = { status = "closed" }
    """,
}


@pytest.mark.requirement("R8", "R8.1")
def test_a_tenth_pack_needs_no_code(tmp_path: Path) -> None:
    shutil.copytree(POLICIES / "calendars", tmp_path / "calendars")
    shutil.copytree(POLICIES / "letters", tmp_path / "letters")
    folder = tmp_path / "library"
    folder.mkdir()
    for name, text in TENTH.items():
        (folder / name).write_text("\n".join(line.strip() for line in text.splitlines()), encoding="utf-8")
    pack = loading.load_one(tmp_path, "library")
    assert list(policy_simulation.play(folder / "day.toml", pack)) == [("an incunable is not where it should be", [])]


def test_differences_from_the_expected_are_reported(tmp_path: Path) -> None:
    day = (POLICIES / "bank" / "day.toml").read_text(encoding="utf-8").replace('tier = "grave"', 'tier = "light"')
    (tmp_path / "day.toml").write_text(day, encoding="utf-8")
    played = dict(policy_simulation.play(tmp_path / "day.toml", PACKS["bank"]))
    assert [found for found in played.values() if found] == [["opened: tier is 'grave', not 'light'"]]


def test_a_case_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    day = (POLICIES / "bank" / "day.toml").read_text(encoding="utf-8").replace('type = "close"', 'type = "shut"', 1)
    (tmp_path / "day.toml").write_text(day, encoding="utf-8")
    with pytest.raises(ValueError, match=r"serious.*shut"):
        list(policy_simulation.play(tmp_path / "day.toml", PACKS["bank"]))


@pytest.mark.requirement("R4.1", "R4.9", "R8")
@pytest.mark.parametrize("name", sorted(PACKS))
def test_a_day_says_of_every_clock_when_it_is_due_warns_and_whom_it_tells(name: str) -> None:
    day = tomllib.loads((POLICIES / name / "day.toml").read_text(encoding="utf-8"))["case"]
    parts = [part for case in day for part in (case, *case.get("step", ()))]
    clocks = [
        clock.partition("/")[0]
        for part in parts
        for clock, fields in part.get("expect", {}).get("clocks", {}).items()
        if {"due", "warns", "tells"} <= fields.keys()
    ]
    assert set(PACKS[name].limits.by_name) - set(clocks) == set()


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"clocks": {"handeling": {"state": "running"}}}, "did you mean 'handling'?"),
        ({"due": {"handeling": False}}, "did you mean 'handling'?"),
        ({"clocks": {"promise": {"warn": []}}}, "did you mean 'warns'?"),
        ({"teir": "general"}, "did you mean 'tier'?"),
    ],
)
def test_a_misspelt_expectation_is_an_error_that_names_it(expected: dict[str, Any], message: str) -> None:
    simulation = policy_simulation.PolicySimulation(PACKS["carrier"])
    simulation.receive(contact())
    with pytest.raises(ValueError, match=re.escape(message)):
        list(simulation.differences(expected))


def test_a_refusal_is_shown_in_words() -> None:
    simulation = policy_simulation.PolicySimulation(PACKS["carrier"])
    simulation.receive(contact())
    simulation.act(Dispatch(unit="nowhere"), MORNING, "provincial_centre")
    (line,) = simulation.differences({"refused": ""})
    assert "there is no unit 'nowhere'; choose one of billing, channel" in line
