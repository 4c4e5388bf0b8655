"""`duban explain` shows how the rules classify a contact, and why, without a running system."""

import json
import tomllib

import pytest

from deploy.tools.checkout import PROJECT
from duban.commands import explain
from duban.rehearsal_input import build_contact
from tests.builders import PACKS

POLICIES = PROJECT / "policies"
EXAMPLE = PROJECT / "schemas" / "examples" / "contacts" / "hotline.json"


@pytest.mark.requirement("R3.4", "R7.4")
def test_a_person_reads_what_was_decided_by_which_rule_from_where(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--text", "宽带断网，已联系记者", "--level", "金卡", "--at", "2026-03-12T09:00:00+08:00"]
    assert explain.main(arguments) == 0
    text = capsys.readouterr().out
    assert "signal        severity  by media exposure, '记者' was found [002-1 §2.2.1]" in text
    assert "provincial_centre → network" in text
    assert "promise       until 2026-03-14 09:00  by promise/provincial [002-1 §2.4.1]" in text
    assert "handling      until 2026-03-12 21:00" in text


def test_a_program_reads_it_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain.main([str(EXAMPLE), "--json"]) == 0
    explanation = json.loads(capsys.readouterr().out)
    assert (explanation["pack"], explanation["centre"]) == ("carrier", "provincial_centre")
    assert {"promise", "review"} <= {timer["clock"] for timer in explanation["clocks"]}


@pytest.mark.parametrize("name", sorted(path.parent.name for path in POLICIES.glob("*/day.toml")))
def test_every_contact_of_every_example_day_can_be_explained(name: str) -> None:
    pack = PACKS[name]
    for case in tomllib.loads((POLICIES / name / "day.toml").read_text(encoding="utf-8"))["case"]:
        explanation = explain.explain(build_contact(case["contact"], name, 1), pack)
        assert json.dumps(explanation.as_json(), ensure_ascii=False)
        assert "by which rule" in explanation.as_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give a file with a contact, or --text"),
        (["--text", "x", "--pack", "moon"], "there is no pack 'moon'"),
        (["--text", "x", "--at", "yesterday"], "at: 'yesterday' is no time with an offset"),
        (["missing.json"], "missing.json"),
    ],
)
def test_a_contact_that_cannot_be_explained_fails_with_a_sentence(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain.main(arguments) == 1
    assert message in capsys.readouterr().err
