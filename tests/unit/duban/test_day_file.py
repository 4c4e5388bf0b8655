"""Every pack plays the day that was written by hand from the customer's documents (R8)."""

import json
import re
import shutil
import tomllib
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.tools.checkout import PROJECT
from duban import day_file
from duban.rehearsal_input import RehearsalError
from services.domain.policy import loading
from tests.builders import HOUR, MORNING, PACKS
from tests.library_pack import FILES

POLICIES = PROJECT / "policies"


def differences(name: str) -> dict[str, list[str]]:
    played = (result for file in day_file.days_of(POLICIES / name) for result in day_file.play(file, PACKS[name]))
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


@pytest.mark.requirement("R8", "R8.1")
def test_a_tenth_pack_needs_no_code(tmp_path: Path) -> None:
    shutil.copytree(POLICIES / "calendars", tmp_path / "calendars")
    shutil.copytree(POLICIES / "letters", tmp_path / "letters")
    folder = tmp_path / "library"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text("\n".join(line.strip() for line in text.splitlines()), encoding="utf-8")
    pack = loading.load_one(tmp_path, "library")
    assert list(day_file.play(folder / "day.toml", pack)) == [("an incunable is not where it should be", [])]


def test_a_pack_has_further_days_in_a_folder(tmp_path: Path) -> None:
    for name in ("day.toml", "days/b.toml", "days/a.toml", "days/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("", encoding="utf-8")
    assert [file.name for file in day_file.days_of(tmp_path)] == ["day.toml", "a.toml", "b.toml"]


def test_differences_from_the_expected_are_reported(tmp_path: Path) -> None:
    day = (POLICIES / "bank" / "day.toml").read_text(encoding="utf-8").replace('tier = "grave"', 'tier = "light"')
    (tmp_path / "day.toml").write_text(day, encoding="utf-8")
    played = dict(day_file.play(tmp_path / "day.toml", PACKS["bank"]))
    assert [found for found in played.values() if found] == [["opened: tier is 'grave', not 'light'"]]


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


STORY: dict[str, Any] = {
    "name": "a story",
    "from": "ours",
    "contact": {"at": MORNING, "text": "宽带网速慢", "customer": {"phone": "13800000001"}, "labels": ["宽带"]},
    "expect": {"tier": "provincial", "due": {"form": False}, "clocks": {"review": {"state": "running"}}},
    "step": [
        {
            "at": MORNING + HOUR,
            "unit": "provincial_centre",
            "person": "王敏",
            "do": {"type": "dispatch", "unit": "network", "note": "请核实"},
            "expect": {
                "status": "dispatched",
                "happened": ["dispatched"],
                "events": ["dispatched"],
                "notices": {"unit.network": ["dispatch"]},
                "callback": {"state": "none"},
                "figures": {"complaints": 1},
                "classification": {"tier": "provincial"},
            },
        },
        {
            "at": MORNING + 2 * HOUR,
            "contact": {"text": "宽带网速慢，到底什么时候处理好", "customer": {"phone": "13800000001"}},
            "expect": {"routed": "remind", "reminders": 1},
        },
        {"at": MORNING + 3 * HOUR, "ticket": 1, "do": {"type": "tick"}},
        {
            "at": MORNING + 4 * HOUR,
            "as": "holder",
            "key": {"may": ["note"], "persons": ["network"]},
            "do": {"type": "feed_back", "result": "x", "cause": "x"},
            "expect": {"refused": "not_allowed"},
        },
    ],
}


def written(document: Any) -> str:
    """Return a value as TOML."""
    if isinstance(document, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))} = {written(value)}" for key, value in document.items()) + "}"
    if isinstance(document, list):
        return "[" + ", ".join(map(written, document)) + "]"
    return document.isoformat() if isinstance(document, datetime) else json.dumps(document, ensure_ascii=False)


def played(folder: Path, story: Any) -> list[str]:
    day = folder / "day.toml"
    day.write_text(f"case = {written([story])}", encoding="utf-8")
    ((_, found),) = day_file.play(day, PACKS["carrier"])
    return found


def test_a_story_asserts_notices_callback_figures_and_a_second_contact(tmp_path: Path) -> None:
    assert played(tmp_path, STORY) == []


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the path of every value in a document."""
    yield path
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        yield from places(inner, (*path, key))


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = replaced(document[path[0]], path[1:], value)
    return copy


JUNK: tuple[Any, ...] = (
    0,
    1.5,
    True,
    "",
    "nonsense",
    [],
    ["x"],
    [1],
    [{}],
    {},
    {"x": 1},
    {"at": {}},
    datetime(2026, 3, 12, 9),
)


@pytest.mark.requirement("R8")
@pytest.mark.parametrize("path", [path for path in places(STORY) if path])
def test_damage_anywhere_in_a_day_is_answered_in_words(path: tuple[Any, ...], tmp_path: Path) -> None:
    """Whatever stands in the place of a value, the play ends, and says in lines of text what is wrong, if anything."""
    for junk in JUNK:
        assert all(line.strip() for line in played(tmp_path, replaced(STORY, path, junk)))


@pytest.mark.requirement("R8")
@pytest.mark.parametrize("path", [path for path in places(STORY) if path and isinstance(path[-1], str)])
def test_a_misspelt_word_anywhere_in_a_day_fails(path: tuple[Any, ...], tmp_path: Path) -> None:
    *above, name = path
    holder: Any = STORY
    for key in above:
        holder = holder[key]
    misspelt = {f"{key}x" if key == name else key: value for key, value in holder.items()}
    assert played(tmp_path, replaced(STORY, tuple(above), misspelt)) != []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("case = 3", "case: write a list of tables, not 3"),
        ("case = [3]", "case.1: write a table of names and values, not 3"),
        ("", "has no case"),
        ("[[cases]]", "did you mean 'case'?"),
        ("[[case]", "is not TOML"),
        ("\udcff", "is not UTF-8"),
    ],
)
def test_a_file_that_is_no_day_is_refused_with_a_sentence(text: str, message: str, tmp_path: Path) -> None:
    day = tmp_path / "day.toml"
    day.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(RehearsalError, match=re.escape(message)):
        list(day_file.play(day, PACKS["carrier"]))


def test_a_day_that_is_missing_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RehearsalError, match="cannot be read"):
        list(day_file.play(tmp_path / "day.toml", PACKS["carrier"]))


def test_every_fault_of_a_case_is_reported_beside_those_of_the_others(tmp_path: Path) -> None:
    day = (POLICIES / "bank" / "day.toml").read_text(encoding="utf-8").replace('type = "close"', 'type = "shut"', 1)
    (tmp_path / "day.toml").write_text(day, encoding="utf-8")
    results = dict(day_file.play(tmp_path / "day.toml", PACKS["bank"]))
    (wrong,) = [found for found in results.values() if found]
    assert wrong[0].endswith("do.type: there is no action 'shut': choose one of " + wrong[0].split("choose one of ")[1])
    assert len(results) > 1


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"do": {"type": "tick"}}, "step 1: at: None is no time with an offset"),
        ({"at": "2026-03-12T10:00:00", "do": {"type": "tick"}}, "2026-03-12T10:00:00' is no time with an offset"),
        ({"at": MORNING, "do": {"type": "dispach"}}, "did you mean 'dispatch'?"),
        ({"at": MORNING, "do": {"type": "claim", "preson": "x"}}, "do.preson: there is no such field: leave it out"),
        (
            {"at": MORNING, "do": {"type": "dispatch", "unit": "No Unit"}},
            "do.unit: write at most 64 lower-case letters",
        ),
        ({"at": MORNING, "unit": "provincial_center", "do": {"type": "tick"}}, "did you mean 'provincial_centre'?"),
        ({"at": MORNING, "level": "king", "do": {"type": "tick"}}, "there is no level of authority 'king'"),
        ({"at": MORNING, "ticket": 2, "do": {"type": "tick"}}, "write a number from 1 to 1"),
        ({"at": MORNING, "as": "holdr", "do": {"type": "tick"}}, "did you mean 'holder'?"),
        ({"at": MORNING, "as": "holder", "contact": {"text": "x"}}, "as: a contact is the customer's"),
        ({"at": MORNING}, "write either `do` with an action, or `contact`"),
        ({"at": MORNING, "unit": "network", "contact": {"text": "x"}}, "unit: a contact is the customer's"),
    ],
)
def test_a_step_that_cannot_be_taken_says_what_to_write(step: dict[str, Any], message: str, tmp_path: Path) -> None:
    (found,) = played(tmp_path, STORY | {"step": [step]})
    assert message in found


def test_a_refusal_is_shown_in_words(tmp_path: Path) -> None:
    step = {"at": MORNING, "unit": "provincial_centre", "do": {"type": "dispatch", "unit": "nowhere"}}
    (found,) = played(tmp_path, STORY | {"step": [step]})
    assert "there is no unit 'nowhere'; choose one of billing, channel" in found


@pytest.mark.requirement("R2.5")
def test_an_unknown_code_in_a_contact_fails_unless_its_flag_is_expected(tmp_path: Path) -> None:
    contact = STORY["contact"] | {"kind": "complaintt"}
    (found,) = played(tmp_path, {"name": "x", "contact": contact})
    assert found == "contact.kind: the pack has no 'complaintt': did you mean 'complaint'?"
    assert played(tmp_path, {"name": "x", "contact": contact, "expect": {"flags": ["unknown_kind"]}}) == []
