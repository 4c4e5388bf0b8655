"""Changes of the contract that would break a reader of a frozen version are found."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from deploy.tools import check, compatibility, generate
from services.shared.kafka import topics


def schema(name: str) -> dict[str, Any]:
    exported: dict[str, Any] = json.loads((generate.EXPORTED / f"{name}.json").read_text(encoding="utf-8"))
    return exported


def test_fields_that_readers_rely_on_may_not_change() -> None:
    old = schema("tickets.state")
    assert list(compatibility.breaking_changes(old, old)) == []
    grown = copy.deepcopy(old)
    grown["properties"]["colour"] = {"type": "string"}
    assert list(compatibility.breaking_changes(old, grown)) == []
    gone = copy.deepcopy(old)
    del gone["properties"]["number"]
    assert list(compatibility.breaking_changes(old, gone)) == ["number was removed"]
    missing = copy.deepcopy(old)
    missing["required"].remove("number")
    assert list(compatibility.breaking_changes(old, missing)) == ["number may now be missing"]
    other = copy.deepcopy(old)
    other["properties"]["number"] = {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    assert list(compatibility.breaking_changes(old, other)) == ["number may now be integer"]
    within = copy.deepcopy(old)
    del within["$defs"]["Customer"]["properties"]["phone"]
    assert list(compatibility.breaking_changes(old, within)) == ["customer.phone was removed"]


SMALL: dict[str, Any] = {
    "type": "object",
    "required": ["facts"],
    "properties": {
        "facts": {"type": "object", "additionalProperties": {"type": "string"}},
        "level": {"enum": ["a", "b"]},
        "at": {"type": "string", "format": "date-time"},
        "first": {"$ref": "#/$defs/A"},
        "second": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]},
        "action": {"anyOf": [{"$ref": "#/$defs/Open"}, {"$ref": "#/$defs/Close"}]},
    },
    "$defs": {
        "A": {"type": "object", "properties": {"x": {"type": "string"}, "next": {"$ref": "#/$defs/A"}}},
        "Open": {"type": "object", "properties": {"type": {"enum": ["open"]}, "who": {"type": "string"}}},
        "Close": {"type": "object", "properties": {"type": {"enum": ["close"]}, "why": {"type": "string"}}},
    },
}
NEW = {"type": "object", "properties": {"type": {"enum": ["new"]}}}


@pytest.mark.parametrize(
    ("path", "now", "changes"),
    [
        (("facts", "additionalProperties"), {"type": "integer"}, ["facts{} may now be integer"]),
        (("facts", "additionalProperties"), True, ["facts{} may now be anything"]),
        (("level",), {"type": "integer"}, ["level may now be integer"]),
        (("level",), {"enum": ["a", "b", "c"]}, []),
        (("at",), {"type": "string"}, ["at may now be no date-time"]),
        (("first",), {"$ref": "#/$defs/B"}, ["first.x was removed"]),
        (("second",), {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/B"}]}, ["second.x was removed"]),
        (("action", "anyOf"), [{"$ref": f"#/$defs/{name}"} for name in ("New", "Close", "Open")], []),
        (("action", "anyOf"), [{"$ref": "#/$defs/New"}, {"$ref": "#/$defs/Open"}], []),
        (("action", "anyOf"), [NEW, {"$ref": "#/$defs/Less"}], ["action.who was removed"]),
    ],
)
def test_only_changes_that_break_a_reader_are_reported(path: tuple[str, ...], now: Any, changes: list[str]) -> None:
    new = copy.deepcopy(SMALL)
    new["$defs"] |= {
        "B": {"type": "object", "properties": {"next": {"$ref": "#/$defs/B"}}},
        "New": NEW,
        "Less": {"type": "object", "properties": {"type": {"enum": ["open"]}}},
    }
    holder = new["properties"]
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = now
    assert list(compatibility.breaking_changes(SMALL, new)) == changes


def test_a_frozen_contract_holds_schemas_and_topic_properties(tmp_path: Path) -> None:
    folder = tmp_path / "0.1.0"
    compatibility.freeze(folder)
    assert {file.stem for file in folder.iterdir()} == {*compatibility.public_topics(), "topics"}
    assert compatibility.frozen_versions(tmp_path) == ["0.1.0"]
    assert list(compatibility.problems(tmp_path)) == []
    with pytest.raises(FileExistsError):
        compatibility.freeze(folder)


def test_a_changed_key_or_partition_count_breaks_readers(tmp_path: Path) -> None:
    folder = tmp_path / "0.1.0"
    compatibility.freeze(folder)
    properties = compatibility.topic_properties()
    properties["tickets.events"] |= {"key": "sender", "partitions": 6}
    (folder / compatibility.TOPICS).write_text(json.dumps(properties))
    key, count = compatibility.problems(tmp_path)
    assert "key was sender and is now ticket id" in key
    assert "partitions was 6 and is now 12" in count


def test_a_removed_topic_breaks_readers(tmp_path: Path) -> None:
    (tmp_path / "0.1.0").mkdir()
    (tmp_path / "0.1.0" / "tickets.state.json").write_text("{}")
    (problem,) = compatibility.problems(tmp_path, tmp_path / "nothing")
    assert problem == "tickets.state: version 0.1.0 has this topic, but it was removed: restore it"


def test_the_present_contract_does_not_break_frozen_versions() -> None:
    assert list(compatibility.problems()) == []


def test_without_a_frozen_version_the_check_passes_and_says_so(tmp_path: Path) -> None:
    nothing = tmp_path / "released"
    assert list(compatibility.problems(nothing)) == []
    assert check.contract_status(nothing) == "contract: no version is frozen yet, any change is allowed"
    compatibility.freeze(nothing / "1.0.0")
    assert check.contract_status(nothing) == "contract: compatible with 1.0.0"


def test_topics_with_outside_consumers_are_public() -> None:
    assert compatibility.public_topics() == {"tickets.events", "tickets.state", "hot-issues", "deliveries"}
    assert "notifier" in topics.load()["hot-issues"].consumers
