"""`duban explain` says what the rules make of a contact, and why, without a stack."""

import json
import tomllib

import pytest

from deploy.tools.checkout import PROJECT
from duban.commands import explain
from duban.policy_simulation import contact_of
from services.domain.policy import loading

POLICIES = PROJECT / "policies"
EXAMPLE = PROJECT / "schemas" / "examples" / "contacts" / "hotline.json"


@pytest.mark.requirement("R3.4", "R7.4")
def test_a_person_reads_what_was_decided_by_which_rule_from_where(capsys: pytest.CaptureFixture[str]) -> None:
    told = ["--text", "宽带断网，已联系记者", "--level", "金卡", "--at", "2026-03-12T09:00:00+08:00"]
    assert explain.main(told) == 0
    text = capsys.readouterr().out
    assert "signal        severity  by media exposure, '记者' was found [002-1 §2.2.1]" in text
    assert "provincial_centre → network" in text
    assert "promise       until 2026-03-14 09:00  by promise/provincial [002-1 §2.4.1]" in text
    assert "handling      until 2026-03-12 21:00" in text


def test_a_program_reads_it_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain.main([str(EXAMPLE), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["pack"], told["centre"]) == ("carrier", "provincial_centre")
    assert {"promise", "review"} <= {each["clock"] for each in told["clocks"]}


@pytest.mark.parametrize("name", sorted(each.parent.name for each in POLICIES.glob("*/day.toml")))
def test_every_contact_of_every_example_day_can_be_explained(name: str) -> None:
    pack = loading.load_one(POLICIES, name)
    for case in tomllib.loads((POLICIES / name / "day.toml").read_text(encoding="utf-8"))["case"]:
        explained = explain.explain(contact_of(case["contact"], name, 1), pack)
        assert json.dumps(explained.as_json(), ensure_ascii=False)
        assert "by which rule" in explained.as_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "give a file with a contact, or --text"),
        (["--text", "x", "--pack", "moon"], "there is no pack 'moon'"),
        (["--text", "x", "--at", "yesterday"], "received_at"),
        (["missing.json"], "missing.json"),
    ],
)
def test_what_cannot_be_explained_is_told_in_a_sentence(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain.main(arguments) == 1
    assert told in capsys.readouterr().err
