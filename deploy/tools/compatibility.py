"""Compares today's contract with frozen ones, and freezes today's for a release (docs/versions.md).

The contract is what other systems read: the schemas of their topics, and each topic's key, clean-up policy and
partition count. `python -m deploy.tools.compatibility` (`make contract`) freezes it in schemas/released/<version>;
`make lint` then refuses changes that would break a reader of a frozen version. As long as nothing is frozen, any change
is allowed.

A reader of a frozen version ignores fields, enum values and union members that it does not know. So whatever may be
written today must have a place in the frozen schema, except for what is new.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.tools import generate
from deploy.tools.checkout import PROJECT
from services.shared.kafka import topics
from services.shared.runtime.settings import KafkaSettings

RELEASED = PROJECT / "schemas" / "released"
EXPORTED = PROJECT / "schemas" / "exported"
OTHERS = "CRMs"
"""Name in topics.toml of consumers outside Duban; topics without them connect services that are upgraded together."""
TOPICS = "topics.json"
ANYTHING = "anything"
NAME = "$name"
"""Key under which a resolved definition keeps its name."""

Schema = Mapping[str, Any]


def public_topics() -> frozenset[str]:
    """Return the topics that other systems read."""
    return frozenset(name for name, topic in topics.load().items() if OTHERS in topic.consumers)


def topic_properties() -> dict[str, dict[str, Any]]:
    """Return key, clean-up policy and partition count of each public topic."""
    partitions = KafkaSettings.model_fields["partitions"].default
    configured = topics.load()
    return {
        name: {"key": configured[name].key, "cleanup": configured[name].cleanup, "partitions": partitions}
        for name in sorted(public_topics())
    }


def frozen_versions(released: Path = RELEASED) -> list[str]:
    """Return the versions whose contract is frozen; empty before the first release."""
    return sorted(folder.name for folder in released.iterdir() if folder.is_dir()) if released.is_dir() else []


def problems(released: Path = RELEASED, exported: Path = EXPORTED) -> Iterator[str]:
    """Return every change that breaks a reader of a frozen version.

    Args:
        released: folder with a subfolder for each frozen version.
        exported: folder with today's schemas.

    """
    for file in sorted(released.glob("*/*.json")):
        name, version = file.stem, file.parent.name
        frozen = json.loads(file.read_text(encoding="utf-8"))
        if file.name == TOPICS:
            yield from (
                f"{topic}: this breaks readers of version {version}: {change}"
                for topic, change in _changed_properties(frozen)
            )
            continue
        today = exported / file.name
        if not today.exists():
            yield f"{name}: version {version} has this topic, but it was removed: restore it"
            continue
        for change in breaking_changes(frozen, json.loads(today.read_text(encoding="utf-8"))):
            yield f"{name}: this breaks readers of version {version}: {change}"


def _changed_properties(frozen: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    today = topic_properties()
    for topic, properties in frozen.items():
        for name, old in properties.items():
            new = today.get(topic, {}).get(name)
            if new != old:
                yield topic, f"{name} was {old} and is now {new}: write the change to a new topic instead"


def breaking_changes(old: Schema, new: Schema) -> Iterator[str]:
    """Return what a reader by the old schema cannot rely on in values of the new one."""
    yield from _SchemaComparison(old.get("$defs", {}), new.get("$defs", {})).compare(old, new, "")


@dataclass(frozen=True)
class _SchemaComparison:
    """Compares an old schema with a new one.

    Attributes:
        old_definitions: `$defs` of the old schema.
        new_definitions: `$defs` of the new schema.
        compared: pairs of definitions already compared, so that recursive schemas end.

    """

    old_definitions: Mapping[str, Schema]
    new_definitions: Mapping[str, Schema]
    compared: set[tuple[str, str]] = field(default_factory=set)

    def compare(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        before, after = list(_members(old, self.old_definitions)), list(_members(new, self.new_definitions))
        kinds = {_kind(member) for member in before}
        if ANYTHING in kinds:
            return
        added = sorted({_kind(member) for member in after} - kinds)
        if added:
            yield f"{path or 'the value'} may now be {', '.join(added)}"
        for old_member, new_member in _pairs(before, after):
            yield from self._compare_members(old_member, new_member, path)

    def _compare_members(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        pair = (old.get(NAME, ""), new.get(NAME, ""))
        if all(pair):
            if pair in self.compared:
                return
            self.compared.add(pair)
        if "format" in old and old["format"] != new.get("format"):
            yield f"{path or 'the value'} may now be no {old['format']}"
        yield from self._compare_fields(old, new, path)
        for keyword, suffix in (("items", "[]"), ("additionalProperties", "{}")):
            # Without this keyword, the old schema allows any content.
            if isinstance(old.get(keyword), dict):
                content = new.get(keyword, {})
                yield from self.compare(old[keyword], content if isinstance(content, dict) else {}, path + suffix)

    def _compare_fields(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        no_longer_required = set(old.get("required", ())) - set(new.get("required", ()))
        fields = new.get("properties", {})
        for name, old_field in old.get("properties", {}).items():
            inside = f"{path}.{name}" if path else name
            if name not in fields:
                yield f"{inside} was removed"
                continue
            if name in no_longer_required:
                yield f"{inside} may now be missing"
            yield from self.compare(old_field, fields[name], inside)


def _members(schema: Schema, definitions: Mapping[str, Schema]) -> Iterator[Schema]:
    """Return one schema for each type or union member that a value may have, with references resolved."""
    if name := str(schema.get("$ref", "")).rpartition("/")[2]:
        yield from ({**member, NAME: name} for member in _members(definitions[name], definitions))
    elif "anyOf" in schema:
        for alternative in schema["anyOf"]:
            yield from _members(alternative, definitions)
    elif isinstance(schema.get("type"), list):
        yield from ({**schema, "type": type_} for type_ in schema["type"])
    else:
        yield schema


def _kind(schema: Schema) -> str:
    """Return the JSON type of a schema without unions."""
    if "type" in schema:
        return str(schema["type"])
    values = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    kinds = {"string" if isinstance(value, str) else "integer" for value in values}
    return kinds.pop() if len(kinds) == 1 else ANYTHING


def _pairs(before: list[Schema], after: list[Schema]) -> Iterator[tuple[Schema, Schema]]:
    """Return old members with the new ones that replace them: same tag, same name, or the only two left of a type.

    What remains are added members, which readers ignore, and removed ones, which readers do not miss.
    """
    old_left, new_left = list(before), list(after)
    for identity in (_tags, _name):
        for new in list(new_left):
            old = next((old for old in old_left if identity(new) is not None and identity(old) == identity(new)), None)
            if old is not None:
                old_left.remove(old)
                new_left.remove(new)
                yield old, new
    for kind in {_kind(old) for old in old_left}:
        olds, news = _untagged(old_left, kind), _untagged(new_left, kind)
        if len(olds) == len(news) == 1:
            yield olds[0], news[0]


def _untagged(schemas: list[Schema], kind: str) -> list[Schema]:
    return [schema for schema in schemas if _kind(schema) == kind and not _tags(schema)]


def _name(schema: Schema) -> str | None:
    name: str | None = schema.get(NAME)
    return name


def _tags(schema: Schema) -> tuple[tuple[str, Any], ...] | None:
    """Return an object's fields with one possible value: readers distinguish the members of a union by them."""
    fields = schema.get("properties", {}).items()
    constants = [(name, value.get("const", (value.get("enum") or [None])[0])) for name, value in fields if _one(value)]
    return tuple(sorted(constants)) or None


def _one(schema: Schema) -> bool:
    return "const" in schema or len(schema.get("enum", ())) == 1


def freeze(folder: Path) -> None:
    """Write today's contract into a folder.

    Raises:
        FileExistsError: the folder exists: this version is frozen already.

    """
    folder.mkdir(parents=True)
    for name in sorted(public_topics()):
        (folder / f"{name}.json").write_bytes((EXPORTED / f"{name}.json").read_bytes())
    (folder / TOPICS).write_text(json.dumps(topic_properties(), indent=2) + "\n", encoding="utf-8")


def main() -> int:
    """Freeze today's contract as that of the version in pyproject.toml; returns the exit code."""
    version = generate.version()
    if list(problems()):
        sys.stderr.write("today's contract breaks readers of a frozen version: run `make lint` to see which changes\n")
        return 1
    try:
        freeze(RELEASED / version)
    except FileExistsError:
        sys.stderr.write(f"the contract of version {version} is frozen already: raise the version in pyproject.toml\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
