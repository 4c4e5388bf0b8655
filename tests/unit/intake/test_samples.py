"""Samples of every channel, ours and the shared ones, against what their manifests say they become."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.tools.checkout import PROJECT
from duban import sample_check
from duban.sample_check import SampleResult
from services.intake.channel_registry import MappingError, channels
from services.intake.domain.envelope import Envelope
from tests.builders import MORNING

OWN = PROJECT / "tests" / "samples" / "manifest.json"
SHARED = PROJECT.parent / "shared" / "samples" / "manifest.json"


def different(results: list[SampleResult]) -> Mapping[str, list[str]]:
    return {each.file: each.differences for each in results if each.differences}


@pytest.mark.requirement("R2.1", "R2.2", "R2.3", "R2.4", "R2.5")
def test_our_samples_become_what_their_manifest_says() -> None:
    results = sample_check.check_manifest(OWN, channels())
    assert {Path(each.file).parts[0] for each in results} == channels().keys(), "every channel has samples"
    assert different(results) == {}


@pytest.mark.requirement("R2.1", "R2.5")
@pytest.mark.skipif(not SHARED.is_file(), reason="the shared samples are not on this machine")
def test_the_shared_samples_become_what_their_manifest_says() -> None:
    assert different(sample_check.check_manifest(SHARED, channels())) == {}


@pytest.mark.requirement("R2.1")
def test_a_carrier_maps_its_own_field_names_without_code(tmp_path: Path) -> None:
    (tmp_path / "kiosk.toml").write_text(
        'title = "Kiosk"\n[[form]]\nid = "nr"\nreach = "tel"\n[form.fields]\ntext = "msg"\n"customer.phone" = "tel"\n'
    )
    body = json.dumps({"nr": 7, "tel": "13800000101", "msg": "宽带慢"}).encode()
    (heard,) = channels(tmp_path)["kiosk"].parse(
        Envelope("kiosk", "kiosk", "carrier", MORNING, "application/json", body)
    )
    assert (heard.content.message_id, heard.content.text) == ("7", "宽带慢")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("title = ", "kiosk.toml"),
        ('title = "K"\nform = []', "form"),
        ('title = "K"\n[[form]]\nid = "nr"\n[form.fields]\ncolour = "c"', "no field colour"),
        ('title = "K"\n[[form]]\nid = "nr"\nfields = {}\nhat = "x"', "form.0.hat"),
    ],
)
def test_a_mapping_that_cannot_be_used_names_file_and_key(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "kiosk.toml").write_text(text)
    with pytest.raises(MappingError, match=named):
        channels(tmp_path)
