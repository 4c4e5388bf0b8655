"""Tests that the samples of every channel, ours and the shared ones, have the outcomes of their manifests."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.tools.checkout import PROJECT
from duban import sample_check
from duban.normalisation import SeenMessages, normalise_message
from duban.sample_check import SampleResult
from tests.unit.intake.parsing import CHANNELS

OWN = PROJECT / "tests" / "samples" / "manifest.json"
PUBLIC = PROJECT.parent / "shared" / "samples" / "public"
SHARED = PROJECT.parent / "shared" / "samples" / "manifest.json"


def differences(results: list[SampleResult]) -> Mapping[str, list[str]]:
    return {result.file: result.differences for result in results if result.differences}


@pytest.mark.requirement("R2.1", "R2.2", "R2.3", "R2.4", "R2.5")
def test_our_samples_have_the_outcomes_of_their_manifest() -> None:
    results = sample_check.check_manifest(OWN, CHANNELS)
    assert {Path(result.file).parts[0] for result in results} == CHANNELS.keys(), "every channel has samples"
    assert differences(results) == {}


@pytest.mark.requirement("R2.1", "R2.5")
@pytest.mark.skipif(not SHARED.is_file(), reason="the shared samples are not on this machine")
def test_the_shared_samples_have_the_outcomes_of_their_manifest() -> None:
    assert differences(sample_check.check_manifest(SHARED, CHANNELS)) == {}


def public_samples() -> list[dict[str, Any]]:
    index = PUBLIC / "index.json"
    return json.loads(index.read_text(encoding="utf-8")) if index.is_file() else []


@pytest.mark.requirement("R2.1", "R2.3", "R2.5")
@pytest.mark.parametrize("channel", ["app_im", "hotline", "regulator", "store", "web_form"])
def test_messages_that_other_systems_misread_are_read(channel: str) -> None:
    found = [sample for sample in public_samples() if sample["channel"] == channel]
    if not found:
        pytest.skip("the shared samples are not on this machine")
    for sample in found:
        path = PUBLIC / sample["file"]
        expected = sample["expected"]
        got = normalise_message(
            CHANNELS[channel],
            sample_check.build_envelope(path, sample | {"config": sample["settings"]}),
            SeenMessages(),
        )
        assert list(sample_check.differences(expected, got)) == [], path.name
