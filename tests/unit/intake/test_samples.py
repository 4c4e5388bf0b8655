"""Tests that the samples of every channel, ours and the shared ones, have the outcomes of their manifests."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.tools.checkout import PROJECT
from duban import sample_check
from duban.sample_check import SampleResult
from tests.unit.intake.parsing import CHANNELS

OWN = PROJECT / "tests" / "samples" / "manifest.json"
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
