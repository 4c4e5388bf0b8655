"""Samples against their manifest: what each file should become, and what it becomes."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from duban.normalisation import SeenMessages, normalised
from services.intake.channel_registry import ChannelAdapter
from services.intake.domain.envelope import AttachmentBuffer, ChannelConfig, Envelope
from services.shared.runtime.errors import DubanError

OF_THE_DOOR = frozenset({"topic", "key", "query"})
"""Settings of a sample that say how it comes, not how it is read."""
CUT = frozenset({"truncated", "bad_syntax"})
"""A parser often cannot tell which of the two it is."""
HINTS = frozenset({"language", "issue"})
"""Facts that are not to be tested strictly."""
ELSEWHERE = {"row": "line", "openid": "identity"}


@dataclass(frozen=True, slots=True)
class SampleResult:
    """What came of one sample."""

    file: str
    expected: str
    got: Mapping[str, Any]
    differences: list[str]


def beside(file: Path) -> Callable[[str], bytes | None]:
    """Return what reads attachments that lie next to a file."""

    def found(name: str) -> bytes | None:
        try:
            return (file.parent / Path(name).name).read_bytes()
        except (OSError, ValueError):
            return None

    return found


def manifest(file: Path, table: Mapping[str, ChannelAdapter]) -> list[SampleResult]:
    """Return what came of every sample of a manifest, in its order: later ones may repeat earlier ones.

    Raises:
        DubanError: the manifest cannot be read.

    """
    try:
        told = json.loads(file.read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError) as error:
        raise DubanError(f"{file} is no manifest of samples ({type(error).__name__})") from error
    memory = SeenMessages()
    results = []
    for path, sample in told.items():
        # A sample that is to be loaded on its own repeats the id of another.
        apart = "on its own" in sample.get("note", "")
        got = normalised(
            table[sample["channel"]], envelope(file.parent / path, sample), SeenMessages() if apart else memory
        )
        results.append(SampleResult(path, sample["outcome"], got, list(differences(sample, got))))
    return results


def envelope(path: Path, sample: Mapping[str, Any]) -> Envelope:
    """Return a sample as its door would have it."""
    config = sample.get("config", {})
    return Envelope(
        sender=sample["channel"],
        channel=sample["channel"],
        policy="carrier",
        received_at=datetime.fromisoformat(sample["received_at"]),
        media_type=sample.get("content_type", "application/json"),
        body=path.read_bytes(),
        query=config.get("query", {}),
        config=ChannelConfig().with_settings({key: each for key, each in config.items() if key not in OF_THE_DOOR}),
        attachments=AttachmentBuffer(read_stored=beside(path)),
    )


def differences(sample: Mapping[str, Any], got: Mapping[str, Any]) -> Iterator[str]:
    """Return every difference between what a sample should give and what it gave."""
    for name in ("outcome", "reason", "field"):
        if name in sample and not _same(name, sample[name], got.get(name)):
            yield f"{name}: {got.get(name)}"
    for record in sample.get("records", []):
        yield from _record(record, list(got["records"]))


def _record(record: Mapping[str, Any], found: list[Mapping[str, Any]]) -> Iterator[str]:
    keys = [name for name in ("message_id", "call_id", "line", "row") if record.get(name) is not None]
    named = [each for each in found if all(each.get(ELSEWHERE.get(key, key)) == record[key] for key in keys)]
    if not named:
        yield f"no record {[record[key] for key in keys]}"
        return
    for name, expected in record.items():
        if name == "text_contains":
            same = all(each in named[0]["text"] for each in expected)
        elif name == "text_excludes":
            same = not any(each in named[0]["text"] for each in expected)
        else:
            same = name in HINTS or _same(name, expected, named[0].get(ELSEWHERE.get(name, name)))
        if not same:
            yield f"{name}: {named[0].get(name)}"


def _same(name: str, expected: Any, got: Any) -> bool:
    if name == "reason":
        return expected == got or {expected, got} == CUT
    if name == "text":
        return _plain(expected) == _plain(got)
    if name == "flags":
        return set(expected) <= set(got or ())
    if isinstance(expected, str) and isinstance(got, str) and re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T", expected):
        try:
            return datetime.fromisoformat(expected) == datetime.fromisoformat(got)
        except (ValueError, TypeError):
            return expected == got
    return bool(expected == got)


def _plain(text: Any) -> str:
    return " ".join(str(text or "").split())
