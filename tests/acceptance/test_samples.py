"""Every sample, sent through its own door, has the outcome that its manifest says."""

import json
from pathlib import Path
from typing import Any

import pytest

from duban import sample_check
from tests.sample_sender import SampleSender
from tests.system import System
from tests.unit.intake.test_samples import OWN, SHARED


def send_samples(system: System, manifest: Path) -> dict[str, list[str]]:
    """Send every sample of a manifest and return the differences from it by file."""
    samples: dict[str, dict[str, Any]] = json.loads(manifest.read_text(encoding="utf-8"))["files"]
    sender = SampleSender(system)
    wrong = {}
    for name, sample in samples.items():
        if "on its own" in sample.get("note", ""):
            continue
        outcome = sender.send(manifest.parent / name, sample)
        records = [
            {key: value for key, value in record.items() if not _set_by_door(key, value, record, sample)}
            for record in sample.get("records", [])
        ]
        differences = list(sample_check.differences({**sample, "records": records}, outcome))
        if differences:
            wrong[name] = differences
    return wrong


def _set_by_door(name: str, value: Any, record: dict[str, Any], sample: dict[str, Any]) -> bool:
    """Return whether a door sets a fact itself: it names a refused record by line, and stamps messages without time."""
    refused = record.get("outcome") == "refuse" and name == "message_id"
    return refused or (name == "contacted_at" and value == sample["received_at"])


@pytest.mark.requirement("R2.1", "R2.2", "R2.3", "R2.4", "R2.5", "R7.1")
def test_our_samples_have_the_outcome_of_their_manifest(system: System) -> None:
    assert send_samples(system, OWN) == {}


@pytest.mark.requirement("R2.1", "R2.5")
@pytest.mark.skipif(not SHARED.is_file(), reason="needs the shared samples")
def test_the_shared_samples_have_the_outcome_of_their_manifest(system: System) -> None:
    assert send_samples(system, SHARED) == {}
