"""The examples of docs/channels.md are true."""

import re
import tomllib
from pathlib import Path

from deploy.tools.checkout import PROJECT
from services.intake.channel_registry import channels
from services.intake.channel_settings import load, load_switchboards

PAGE = (PROJECT / "docs" / "channels.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def test_the_example_of_a_mapping_is_one(tmp_path: Path) -> None:
    (tmp_path / "kiosk.toml").write_text(EXAMPLES[0], encoding="utf-8")
    assert channels(tmp_path)["kiosk"].mapping.title == "Kiosk"


def test_the_example_of_settings_can_be_used(tmp_path: Path) -> None:
    file = tmp_path / "channels.toml"
    file.write_text(EXAMPLES[1], encoding="utf-8")
    assert load(file).keys() == tomllib.loads(EXAMPLES[1]).keys() - {"switchboards"}
    assert load_switchboards(file) == {"+8637155500001"}
    assert load(file)["hotline"].config.columns == 18


def test_the_page_names_every_channel() -> None:
    table = PAGE.partition("| channel |")[2].partition("\n\n")[0]
    named = {each for line in table.splitlines() for each in line.split("|")[1:2] for each in each.split(",")}
    assert {each.strip() for each in named} >= channels().keys()
