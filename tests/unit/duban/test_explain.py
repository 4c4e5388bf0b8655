"""`duban explain` shows what the rules make of a case, and why, without a running system."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.tools.checkout import PROJECT
from duban.commands import explain

EXAMPLE = PROJECT / "schemas" / "examples" / "contacts" / "hotline.json"
NINE, TEN = "2026-03-12T09:00:00+08:00", "2026-03-12T10:00:00+08:00"
CONTACT = {"contacted_at": NINE, "text": "家里宽带网速很慢", "customer": {"phone": "13800000001"}}
DISPATCH = {"at": TEN, "unit": "provincial_centre", "action": {"type": "dispatch", "unit": "network"}}


def explained(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert explain.main([*arguments, "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def file_of(folder: Path, *documents: object) -> str:
    file = folder / "case.json"
    file.write_text("\n".join(json.dumps(each, ensure_ascii=False) for each in documents), encoding="utf-8")
    return str(file)


@pytest.mark.requirement("R3.4", "R7.4")
def test_a_person_reads_what_was_decided_by_which_rule_from_where(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--text", "宽带断网，已联系记者", "--level", "金卡", "--at", NINE]
    assert explain.main(arguments) == 0
    text = capsys.readouterr().out
    assert "signal        severity  by media exposure, '联系…记者' was found [002-1 §2.2.1: media exposure" in text
    assert "provincial_centre → network" in text
    promise = "running: from 2026-03-12 09:00 until 2026-03-14 09:00  by promise/provincial [002-1 §2.4.1: never"
    assert f"promise       {promise}" in text
    assert "handling      running: from 2026-03-12 09:00 until 2026-03-12 21:00" in text
    assert "customer                  acceptance  by sms  for accepted" in text
    assert "none: by phone  (planned once the customer is answered)" in text
    assert "on_time_completion        0/1" in text


def test_a_program_reads_it_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    explanation = explained([str(EXAMPLE)], capsys)
    assert (explanation["pack"], explanation["centre"]) == ("carrier", "provincial_centre")
    assert {"promise", "review"} <= {timer["clock"] for timer in explanation["clocks"]}


@pytest.mark.requirement("R7.4")
def test_the_policy_is_named_as_the_design_says(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert explained(["--policy", "bank", file_of(tmp_path, CONTACT)], capsys)["pack"] == "bank"
    assert explained([file_of(tmp_path, CONTACT | {"policy": "bus"})], capsys)["pack"] == "bus"


def test_the_contact_is_received_when_the_customer_contacted_us(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    explanation = explained([file_of(tmp_path, CONTACT)], capsys)
    starts = {clock["clock"]: clock["start"] for clock in explanation["clocks"]}
    assert (explanation["received_at"], starts["review"], starts["promise"]) == (NINE, NINE, NINE)


@pytest.mark.parametrize(
    "documents",
    [
        [{"contact": CONTACT, "commands": [DISPATCH]}],
        [CONTACT | {"commands": [DISPATCH]}],
        [CONTACT, DISPATCH],
        [{"contact": CONTACT}, DISPATCH],
    ],
)
def test_commands_stand_in_the_document_or_in_lines_of_their_own(
    documents: list[object], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    explanation = explained(["--policy", "carrier", file_of(tmp_path, *documents)], capsys)
    assert (explanation["status"], explanation["unit"], explanation["at"]) == ("dispatched", "network", TEN)
    assert "if_dispatched_at_once" not in explanation


def test_standard_input_is_read(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    content = json.dumps(CONTACT).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert explained(["-"], capsys)["business_type"] == "broadband"


def test_every_time_is_in_the_zone_of_the_pack(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    utc = {"contacted_at": "2026-03-12T01:00:00Z", "text": "宽带网速慢"}
    arguments = [file_of(tmp_path, utc, {**DISPATCH, "at": "2026-03-12T02:00:00Z"}), "--until", "2026-03-20T00:00:00Z"]
    explanation = explained(arguments, capsys)
    times = [text for text in leaves(explanation) if text[:5] == "2026-" and "T" in text]
    assert len(times) > 20
    assert {text[-6:] for text in times} == {"+08:00"}


def leaves(value: Any) -> list[str]:
    """Return every text in a document."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in leaves(each)]
    if isinstance(value, list):
        return [text for each in value for text in leaves(each)]
    return [value] if isinstance(value, str) else []


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give a file with a contact, or --text"),
        (["--text", "x", "--policy", "moon"], "there is no pack 'moon'"),
        (["--text", "x", "--at", "yesterday"], "--at: 'yesterday' is no time with an offset"),
        (["--text", "x", "--until", "2020-01-01T00:00:00Z"], "until: it is before the last command"),
        (["missing.json"], "missing.json cannot be read (No such file or directory)"),
    ],
)
def test_a_case_that_cannot_be_explained_fails_with_a_sentence(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain.main(arguments) == 1
    assert message in capsys.readouterr().err


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([CONTACT | {"kind": "Complaint!"}], "kind: write at most 64 lower-case letters"),
        (
            [CONTACT | {"received_at": "2026-03-12T09:00:00"}],
            "received_at: '2026-03-12T09:00:00' is no time with an offset",
        ),
        ([CONTACT | {"channnel": "web"}], "there is no field of a contact 'channnel': did you mean 'channel'?"),
        ([CONTACT, DISPATCH | {"unit": "netwrk"}], "commands.1: there is no unit 'netwrk': did you mean 'network'?"),
        ([CONTACT, {"action": "close"}], "commands.1: at: None is no time with an offset"),
        ([CONTACT, DISPATCH | {"at": "2026-03-11T10:00:00+08:00"}], "commands.1: at: it is before the contact"),
    ],
)
def test_a_file_with_a_fault_is_answered_with_its_field(
    documents: list[object], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert explain.main([file_of(tmp_path, *documents)]) == 1
    assert message in capsys.readouterr().err
