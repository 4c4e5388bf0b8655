"""What others rely on stays: the contract of released versions against that of today (docs/versions.md).

`python -m deploy.tools.compatibility` (`make contract`) keeps today's contract as that of the version in
pyproject.toml. A reader of a released version has to understand whatever is written today, passing over fields, values
of lists and members of unions that it does not know; so the check asks for everything that may be written now whether
the old schema has a place for it.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.tools import generate
from services.shared.kafka import topics
from services.shared.runtime.settings import PROJECT, KafkaSettings

RELEASED = PROJECT / "schemas" / "released"
EXPORTED = PROJECT / "schemas" / "exported"
OTHERS = "CRMs"
"""Consumers of topics.toml that are no service of ours; what they do not read is between services upgraded together."""
TOPICS = "topics.json"
ANYTHING = "anything"
NAME = "$name"
"""Where a definition that was looked up keeps its name."""

Schema = Mapping[str, Any]


def read_by_others() -> frozenset[str]:
    """Return the topics that are a promise to others."""
    return frozenset(name for name, each in topics.load().items() if OTHERS in each.consumers)


def promises() -> dict[str, dict[str, Any]]:
    """Return what is promised of topics beside their values: where a record is found, and how long."""
    partitions = KafkaSettings.model_fields["partitions"].default
    listed = topics.load()
    return {
        name: {"key": listed[name].key, "cleanup": listed[name].cleanup, "partitions": partitions}
        for name in sorted(read_by_others())
    }


def problems(released: Path = RELEASED, exported: Path = EXPORTED) -> Iterator[str]:
    """Return every change that would break a reader of a released version."""
    for file in sorted(released.glob("*/*.json")):
        name, version = file.stem, file.parent.name
        old = json.loads(file.read_text(encoding="utf-8"))
        if file.name == TOPICS:
            yield from (f"{each}: the topics of version {version} break: {told}" for each, told in _moved(old))
            continue
        today = exported / file.name
        if not today.exists():
            yield f"{name}: version {version} had this topic, today there is none: bring it back"
            continue
        for broken in breaks(old, json.loads(today.read_text(encoding="utf-8"))):
            yield f"{name}: readers of version {version} break: {broken}"


def _moved(old: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    today = promises()
    for name, promise in old.items():
        for what, was in promise.items():
            now = today.get(name, {}).get(what)
            if now != was:
                yield name, f"{what} was {was}, today it is {now}: give what changes a topic of its own"


def breaks(old: Schema, new: Schema) -> Iterator[str]:
    """Return what somebody who reads by the old schema cannot rely on in the new one."""
    yield from _Comparison(old.get("$defs", {}), new.get("$defs", {})).of(old, new, "")


@dataclass(frozen=True)
class _Comparison:
    """Two schemas side by side.

    Attributes:
        olds, news: their definitions.
        seen: pairs of definitions that were compared, so that one which holds itself ends.

    """

    olds: Mapping[str, Schema]
    news: Mapping[str, Schema]
    seen: set[tuple[str, str]] = field(default_factory=set)

    def of(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        before, after = list(_members(old, self.olds)), list(_members(new, self.news))
        here = path or "the value"
        kinds = {_kind(each) for each in before}
        if ANYTHING in kinds:
            return
        wider = sorted({_kind(each) for each in after} - kinds)
        if wider:
            yield f"{here} may now be {', '.join(wider)}"
        for was, now in _paired(before, after):
            yield from self._within(was, now, path)

    def _within(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        pair = (old.get(NAME, ""), new.get(NAME, ""))
        if all(pair):
            if pair in self.seen:
                return
            self.seen.add(pair)
        here = path or "the value"
        if "format" in old and old["format"] != new.get("format"):
            yield f"{here} may now be no {old['format']}"
        required, still = set(old.get("required", ())), set(new.get("required", ()))
        fields = new.get("properties", {})
        for name, was in old.get("properties", {}).items():
            inside = f"{path}.{name}" if path else name
            if name not in fields:
                yield f"{inside} is gone"
                continue
            if name in required and name not in still:
                yield f"{inside} may now be missing"
            yield from self.of(was, fields[name], inside)
        for holder, mark in (("items", "[]"), ("additionalProperties", "{}")):
            # Without one, anything may be in it.
            if isinstance(old.get(holder), dict):
                now = new.get(holder, {})
                yield from self.of(old[holder], now if isinstance(now, dict) else {}, path + mark)


def _members(schema: Schema, definitions: Mapping[str, Schema]) -> Iterator[Schema]:
    """Return what a value may be, one schema for each kind or member of a union."""
    if name := str(schema.get("$ref", "")).rpartition("/")[2]:
        yield from ({**each, NAME: name} for each in _members(definitions[name], definitions))
    elif "anyOf" in schema:
        for each in schema["anyOf"]:
            yield from _members(each, definitions)
    elif isinstance(schema.get("type"), list):
        yield from ({**schema, "type": each} for each in schema["type"])
    else:
        yield schema


def _kind(schema: Schema) -> str:
    if "type" in schema:
        return str(schema["type"])
    values = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    kinds = {"string" if isinstance(each, str) else "integer" for each in values}
    return kinds.pop() if len(kinds) == 1 else ANYTHING


def _paired(before: list[Schema], after: list[Schema]) -> Iterator[tuple[Schema, Schema]]:
    """Return what a value might be with what it may be now: by tag, by name, else the only two of a kind that are left.

    What is left beside them are new members of a union, which a reader passes over, and old ones, which it misses not.
    """
    left, come = list(before), list(after)
    for same in (_tags, _named):
        for now in list(come):
            mark = same(now)
            was = next((each for each in left if mark is not None and same(each) == mark), None)
            if was is not None:
                left.remove(was)
                come.remove(now)
                yield was, now
    for kind in {_kind(each) for each in left}:
        olds, news = ([each for each in some if _kind(each) == kind and not _tags(each)] for some in (left, come))
        if len(olds) == len(news) == 1:
            yield olds[0], news[0]


def _named(schema: Schema) -> str | None:
    name: str | None = schema.get(NAME)
    return name


def _tags(schema: Schema) -> tuple[tuple[str, Any], ...] | None:
    """Return the fields of an object that have one possible value, by which a reader tells members of a union apart."""
    fields = schema.get("properties", {}).items()
    only = [(name, each.get("const", (each.get("enum") or [None])[0])) for name, each in fields if _single(each)]
    return tuple(sorted(only)) or None


def _single(schema: Schema) -> bool:
    return "const" in schema or len(schema.get("enum", ())) == 1


def release(folder: Path) -> None:
    """Keep today's contract in a folder.

    Raises:
        FileExistsError: that version is released already.

    """
    folder.mkdir(parents=True)
    for name in sorted(read_by_others()):
        (folder / f"{name}.json").write_bytes((EXPORTED / f"{name}.json").read_bytes())
    (folder / TOPICS).write_text(json.dumps(promises(), indent=2) + "\n", encoding="utf-8")


def main() -> int:
    """Keep today's contract as that of the version in pyproject.toml; returns the exit code."""
    version = generate.version()
    if list(problems()):
        sys.stderr.write("today's contract breaks readers of a released version: `make lint` says which\n")
        return 1
    try:
        release(RELEASED / version)
    except FileExistsError:
        sys.stderr.write(f"version {version} is released already: raise it in pyproject.toml first\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
