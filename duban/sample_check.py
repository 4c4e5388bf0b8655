"""Checks sample messages against a manifest that says what each should be parsed into."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from duban.defaults import DEFAULT_PACK
from duban.normalisation import SeenMessages, normalise_message
from services.intake.channel_registry import ChannelAdapter
from services.intake.domain.envelope import AttachmentBuffer, ChannelConfig, Envelope
from services.shared.runtime.errors import DubanError

DOOR_SETTINGS = frozenset({"topic", "key", "query"})
"""Settings of a sample that say how it is received, not how it is parsed."""
EQUIVALENT_REASONS = frozenset({"truncated", "bad_syntax"})
"""A parser often cannot tell a truncated message from a malformed one."""
UNCHECKED_FIELDS = frozenset({"language", "issue"})
"""Fields of a manifest that are hints, not expectations."""
OUR_NAMES = {"row": "line", "openid": "identity"}
"""Our names of fields that the manifest calls otherwise."""


@dataclass(frozen=True, slots=True)
class SampleResult:
    """What a sample was parsed into, beside what was expected."""

    file: str
    expected: str
    got: Mapping[str, Any]
    differences: list[str]


def read_beside(file: Path) -> Callable[[str], bytes | None]:
    """Return a function that reads an attachment by name from the folder of a file; None when there is none."""

    def read(name: str) -> bytes | None:
        try:
            return (file.parent / Path(name).name).read_bytes()
        except (OSError, ValueError):
            return None

    return read


def check_manifest(file: Path, table: Mapping[str, ChannelAdapter]) -> list[SampleResult]:
    """Parse every sample of a manifest in its order, since later ones may repeat earlier ones, and compare the results.

    Raises:
        DubanError: the manifest cannot be read.

    """
    try:
        samples = json.loads(file.read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError) as error:
        raise DubanError(
            f"{file} is not a manifest of samples ({type(error).__name__}): give a JSON object with `files`"
        ) from error
    shared = SeenMessages()
    results = []
    for path, sample in samples.items():
        # A sample that is to be loaded on its own repeats the id of another.
        seen = SeenMessages() if "on its own" in sample.get("note", "") else shared
        got = normalise_message(table[sample["channel"]], build_envelope(file.parent / path, sample), seen)
        results.append(SampleResult(path, sample["outcome"], got, list(differences(sample, got))))
    return results


def build_envelope(path: Path, sample: Mapping[str, Any]) -> Envelope:
    """Return the envelope that the door of its channel would make of a sample."""
    config = sample.get("config", {})
    return Envelope(
        sender=sample["channel"],
        channel=sample["channel"],
        policy=DEFAULT_PACK,
        received_at=datetime.fromisoformat(sample["received_at"]),
        media_type=sample.get("content_type", "application/json"),
        body=path.read_bytes(),
        query=config.get("query", {}),
        config=ChannelConfig().with_settings({key: value for key, value in config.items() if key not in DOOR_SETTINGS}),
        attachments=AttachmentBuffer(read_stored=read_beside(path)),
    )


def differences(sample: Mapping[str, Any], got: Mapping[str, Any]) -> Iterator[str]:
    """Return a line for each difference between the expected result of a sample and the one it has."""
    for name in ("outcome", "reason", "field"):
        if name in sample and not _same(name, sample[name], got.get(name)):
            yield f"{name}: {got.get(name)}"
    for record in sample.get("records", []):
        yield from _record_differences(record, list(got["records"]))


def _record_differences(record: Mapping[str, Any], found: list[Mapping[str, Any]]) -> Iterator[str]:
    keys = [name for name in ("message_id", "call_id", "line", "row") if record.get(name) is not None]
    matching = [each for each in found if all(each.get(OUR_NAMES.get(key, key)) == record[key] for key in keys)]
    if not matching:
        yield f"no record {[record[key] for key in keys]}"
        return
    got = matching[0]
    for name, expected in record.items():
        if not _field_matches(name, expected, got):
            yield f"{name}: {got.get(name)}"


def _field_matches(name: str, expected: Any, record: Mapping[str, Any]) -> bool:
    if name == "text_contains":
        return all(text in record["text"] for text in expected)
    if name == "text_excludes":
        return not any(text in record["text"] for text in expected)
    return name in UNCHECKED_FIELDS or _same(name, expected, record.get(OUR_NAMES.get(name, name)))


def _same(name: str, expected: Any, got: Any) -> bool:
    if name == "reason":
        return expected == got or {expected, got} == EQUIVALENT_REASONS
    if name == "text":
        return _normalise_space(expected) == _normalise_space(got)
    if name == "flags":
        return set(expected) <= set(got or ())
    if isinstance(expected, str) and isinstance(got, str) and re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T", expected):
        try:
            return datetime.fromisoformat(expected) == datetime.fromisoformat(got)
        except (ValueError, TypeError):
            return expected == got
    return bool(expected == got)


def _normalise_space(text: Any) -> str:
    return " ".join(str(text or "").split())
