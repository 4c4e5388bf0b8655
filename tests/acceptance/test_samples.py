"""Every sample by its own real door: into tickets, kept messages, calls, refusals or dead letters."""

import json
from pathlib import Path
from typing import Any

import pytest

from duban import sample_check
from tests.doors import Doors
from tests.system import System
from tests.unit.intake.test_samples import OWN, SHARED


def through(system: System, manifest: Path) -> dict[str, list[str]]:
    told: dict[str, dict[str, Any]] = json.loads(manifest.read_text(encoding="utf-8"))["files"]
    doors = Doors(system)
    wrong = {}
    for name, sample in told.items():
        if "on its own" in sample.get("note", ""):
            continue
        got = doors.send(manifest.parent / name, sample)
        records = [
            {key: value for key, value in each.items() if not _of_the_door(key, value, each, sample)}
            for each in sample.get("records", [])
        ]
        found = list(sample_check.differences({**sample, "records": records}, got))
        if found:
            wrong[name] = found
    return wrong


def _of_the_door(name: str, value: Any, record: dict[str, Any], sample: dict[str, Any]) -> bool:
    """Whether a fact is the real door's: it names a refusal by its line, and stamps what tells no time of its own."""
    refused = record.get("outcome") == "refuse" and name == "message_id"
    return refused or (name == "contacted_at" and value == sample["received_at"])


@pytest.mark.requirement("R2.1", "R2.2", "R2.3", "R2.4", "R2.5", "R7.1")
def test_our_samples_by_their_doors(system: System) -> None:
    assert through(system, OWN) == {}


@pytest.mark.requirement("R2.1", "R2.5")
@pytest.mark.skipif(not SHARED.is_file(), reason="the shared samples are not on this machine")
def test_the_shared_samples_by_their_doors(system: System) -> None:
    assert through(system, SHARED) == {}
