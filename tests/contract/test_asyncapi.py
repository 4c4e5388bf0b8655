"""The contract as others get it: AsyncAPI, JSON Schemas with examples, and a check that nothing they rely on goes."""

import copy
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from deploy.tools import asyncapi, compatibility, generate
from services.shared.kafka import topics
from services.shared.runtime.settings import PROJECT

CHECK = """
const {Parser} = require('@asyncapi/parser');
const text = require('fs').readFileSync(process.argv[1], 'utf8');
new Parser().parse(text).then(({document, diagnostics}) => {
  const errors = diagnostics.filter(each => each.severity === 0);
  errors.forEach(each => console.log(each.path.join('.'), each.message));
  process.exit(document && !errors.length ? 0 : 1);
});
"""


def schema(name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((generate.EXPORTED / f"{name}.json").read_text(encoding="utf-8"))
    return told


@pytest.mark.requirement("R7.3")
def test_every_topic_of_ours_is_described_with_its_messages_and_who_uses_it() -> None:
    told = yaml.safe_load(asyncapi.FILE.read_text(encoding="utf-8"))
    ours = {name for name, each in topics.load().items() if each.model is not None}
    assert told["channels"].keys() == ours
    for operation in told["operations"].values():
        assert operation["channel"]["$ref"].removeprefix("#/channels/") in ours
    for message in told["components"]["messages"].values():
        assert all((message["title"], message["summary"]))


@pytest.mark.requirement("R7.3")
@pytest.mark.skipif(shutil.which("node") is None, reason="node is not on this machine")
def test_asyncapi_s_own_parser_finds_nothing_wrong() -> None:
    node = shutil.which("node") or "node"
    there = subprocess.run([node, "-e", "require('@asyncapi/parser')"], capture_output=True, check=False)
    if there.returncode:
        pytest.skip("@asyncapi/parser is not where node looks: npm install it and set NODE_PATH")
    done = subprocess.run([node, "-e", CHECK, str(asyncapi.FILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.requirement("R7.3")
@pytest.mark.parametrize("name", sorted(name for name, each in topics.load().items() if each.model is not None))
def test_the_examples_are_valid_by_the_exported_schema(name: str) -> None:
    told = schema(name)
    Draft202012Validator.check_schema(told)
    assert all((told["title"], told["description"], told["examples"]))
    for example in told["examples"]:
        Draft202012Validator(told).validate(example)


def test_what_a_reader_relies_on_may_not_change() -> None:
    old = schema("tickets.state")
    assert list(compatibility.breaks(old, old)) == []
    grown = copy.deepcopy(old)
    grown["properties"]["colour"] = {"type": "string"}
    assert list(compatibility.breaks(old, grown)) == []
    gone = copy.deepcopy(old)
    del gone["properties"]["number"]
    assert list(compatibility.breaks(old, gone)) == ["number is gone"]
    missing = copy.deepcopy(old)
    missing["required"].remove("number")
    assert list(compatibility.breaks(old, missing)) == ["number may now be missing"]
    other = copy.deepcopy(old)
    other["properties"]["number"] = {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    assert list(compatibility.breaks(old, other)) == ["number may now be integer"]
    within = copy.deepcopy(old)
    del within["$defs"]["Customer"]["properties"]["phone"]
    assert list(compatibility.breaks(old, within)) == ["customer.phone is gone"]


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
    ("path", "now", "told"),
    [
        (("facts", "additionalProperties"), {"type": "integer"}, ["facts{} may now be integer"]),
        (("facts", "additionalProperties"), True, ["facts{} may now be anything"]),
        (("level",), {"type": "integer"}, ["level may now be integer"]),
        (("level",), {"enum": ["a", "b", "c"]}, []),
        (("at",), {"type": "string"}, ["at may now be no date-time"]),
        (("first",), {"$ref": "#/$defs/B"}, ["first.x is gone"]),
        (("second",), {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/B"}]}, ["second.x is gone"]),
        (("action", "anyOf"), [{"$ref": f"#/$defs/{each}"} for each in ("New", "Close", "Open")], []),
        (("action", "anyOf"), [{"$ref": "#/$defs/New"}, {"$ref": "#/$defs/Open"}], []),
        (("action", "anyOf"), [NEW, {"$ref": "#/$defs/Less"}], ["action.who is gone"]),
    ],
)
def test_what_breaks_a_reader_and_what_does_not(path: tuple[str, ...], now: Any, told: list[str]) -> None:
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
    assert list(compatibility.breaks(SMALL, new)) == told


def test_a_key_and_a_partition_count_are_promises_too(tmp_path: Path) -> None:
    folder = tmp_path / "0.1.0"
    compatibility.release(folder)
    assert {each.stem for each in folder.iterdir()} == {*compatibility.read_by_others(), "topics"}
    assert list(compatibility.problems(tmp_path)) == []
    with pytest.raises(FileExistsError):
        compatibility.release(folder)
    moved = compatibility.promises()
    moved["tickets.events"] |= {"key": "sender", "partitions": 6}
    (folder / compatibility.TOPICS).write_text(json.dumps(moved))
    key, count = compatibility.problems(tmp_path)
    assert "key was sender, today it is ticket id" in key
    assert "partitions was 6, today it is 12" in count


def test_the_contract_of_the_present_version_is_kept_and_holds() -> None:
    assert {each.name for each in compatibility.RELEASED.glob("*/*.json")} >= {
        f"{each}.json" for each in (*compatibility.read_by_others(), "topics")
    }
    assert list(compatibility.problems()) == []


def test_what_others_read_is_told_by_the_list_of_topics() -> None:
    assert compatibility.read_by_others() == {"tickets.events", "tickets.state", "hot-issues", "deliveries"}
    assert "notifier" in topics.load()["hot-issues"].consumers


def test_a_released_topic_that_is_gone_is_told(tmp_path: Path) -> None:
    (tmp_path / "0.1.0").mkdir()
    (tmp_path / "0.1.0" / "tickets.state.json").write_text("{}")
    (told,) = compatibility.problems(tmp_path, tmp_path / "nothing")
    assert "tickets.state: version 0.1.0 had this topic" in told
    assert compatibility.EXPORTED.is_relative_to(PROJECT)
