"""What others rely on stays: the schemas of released versions against those of today (docs/versions.md)."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from services.shared.settings import PROJECT

RELEASED = PROJECT / "schemas" / "released"
EXPORTED = PROJECT / "schemas" / "exported"
READ_BY_OTHERS = frozenset({"tickets.events", "tickets.state", "deliveries"})
"""Topics that others read; the rest is between our own services, which are upgraded together."""


def problems(released: Path = RELEASED, exported: Path = EXPORTED) -> Iterator[str]:
    """Return every change that would break a reader of a released version."""
    for file in sorted(released.glob("*/*.json")):
        name = file.stem
        if name not in READ_BY_OTHERS:
            continue
        today = exported / file.name
        if not today.exists():
            yield f"{name}: version {file.parent.name} had this topic, today there is none: bring it back"
            continue
        old, new = (json.loads(each.read_text(encoding="utf-8")) for each in (file, today))
        for broken in breaks(old, new):
            yield f"{name}: readers of version {file.parent.name} break: {broken}"


def breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Return what somebody who reads by the old schema cannot rely on in the new one."""
    yield from _compared(old, new, old.get("$defs", {}), new.get("$defs", {}), "", set())


def _compared(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    olds: Mapping[str, Any],
    news: Mapping[str, Any],
    path: str,
    seen: set[str],
) -> Iterator[str]:
    name = old.get("$ref", "").rpartition("/")[2]
    if name:
        if name in seen:
            return
        seen.add(name)
    old, new = _resolved(old, olds), _resolved(new, news)
    kinds, more = _kinds(old, olds), _kinds(new, news)
    if kinds and (wider := more - kinds):
        yield f"{path or 'the value'} may now be {', '.join(sorted(wider))}"
    required, still = set(old.get("required", ())), set(new.get("required", ()))
    for field, was in old.get("properties", {}).items():
        here = f"{path}.{field}" if path else field
        now = new.get("properties", {}).get(field)
        if now is None:
            yield f"{here} is gone"
            continue
        if field in required and field not in still:
            yield f"{here} may now be missing"
        yield from _compared(was, now, olds, news, here, seen)
    if "items" in old and isinstance(new.get("items"), dict) and isinstance(old["items"], dict):
        yield from _compared(old["items"], new["items"], olds, news, f"{path}[]", seen)
    for was, now in zip(_choices(old), _choices(new), strict=False):
        yield from _compared(was, now, olds, news, path, seen)


def _resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Mapping[str, Any] = definitions.get(name, schema) if name else schema
    return found


def _choices(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]


def _kinds(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> set[str]:
    told = schema.get("type")
    kinds = {told} if isinstance(told, str) else set(told or ())
    for each in schema.get("anyOf", ()):
        kinds |= _kinds(_resolved(each, definitions), definitions)
    return kinds
