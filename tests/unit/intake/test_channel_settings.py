"""Tests of the operator's channels file."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from deploy.tools.checkout import PROJECT
from services.intake.channel_settings import load, load_switchboards
from services.shared.runtime.errors import ConfigurationError

PAGE = (PROJECT / "docs" / "channels.md").read_text(encoding="utf-8")
SETTINGS_EXAMPLE = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1]


def test_the_example_of_settings_in_the_documents_can_be_loaded(tmp_path: Path) -> None:
    file = tmp_path / "channels.toml"
    file.write_text(SETTINGS_EXAMPLE, encoding="utf-8")
    assert load(file).keys() == tomllib.loads(SETTINGS_EXAMPLE).keys() - {"switchboards"}
    assert load_switchboards(file) == {"+8637155500001"}
    assert load(file)["hotline"].config.columns == 18


@pytest.mark.requirement("R2.3")
@pytest.mark.parametrize("region", ["XX", "CHN", "", "China", 86])
def test_an_unknown_country_is_reported_when_settings_are_loaded(tmp_path: Path, region: Any) -> None:
    file = tmp_path / "channels.toml"
    file.write_text(f"[sms]\ndefault_region = {json.dumps(region)}\n")
    with pytest.raises(ConfigurationError, match="default_region"):
        load(file)


def test_switchboards_may_be_written_as_people_write_numbers(tmp_path: Path) -> None:
    file = tmp_path / "channels.toml"
    file.write_text('switchboards = ["0371-5550 0001", "+12025550101"]\n[sms]\npolicy = "carrier"\n')
    assert load_switchboards(file) == {"+8637155500001", "+12025550101"}
    for invalid in ('["many"]', "[10086]", '"0371-55500001"'):
        file.write_text(f"switchboards = {invalid}\n")
        with pytest.raises(ConfigurationError, match="switchboards"):
            load_switchboards(file)
