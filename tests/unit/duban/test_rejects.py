"""Refused messages are reported once, in the file's own format, and can be corrected and imported."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from duban import file_import
from duban.file_import import BATCH_BYTES, FileImport
from duban.rejects import CsvRejectReport, RejectedMessage, RejectReason
from services.intake.channel_registry import channels
from services.intake.domain.envelope import Envelope, RejectedItem
from services.intake.domain.fields import InvalidPayload
from services.intake.domain.message_parts import JSON, MessagePart
from services.shared.runtime.errors import DubanError
from tests.builders import MORNING

TABLES = channels()
HEAD = "受理流水号,受理时间,联系电话,投诉内容\n"


class ParsingIntake:
    """Stands for intake with its real channels; can become unavailable after some requests."""

    def __init__(self, channel: str) -> None:
        self._channel = TABLES[channel]
        self.bodies: list[bytes] = []
        self.accepted: list[str] = []
        self.unavailable_after = 10**6

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if len(self.bodies) >= self.unavailable_after:
            return httpx.Response(503, json={"title": "Try again later"})
        self.bodies.append(request.content)
        media_type = request.headers["content-type"]
        envelope = Envelope("s", self._channel.name, "carrier", MORNING, media_type, request.content)
        try:
            items = self._channel.parse(envelope)
        except InvalidPayload as error:
            return httpx.Response(400, json={"title": "x", "errors": [error_json(fault) for fault in error.errors]})
        lines = []
        for each in items:
            if isinstance(each.content, RejectedItem):
                lines.append(
                    {"line": each.line, "status": 400, "errors": [error_json(fault) for fault in each.content.errors]}
                )
            else:
                self.accepted.append(getattr(each.content, "message_id", "") or "call")
                lines.append({"line": each.line, "status": 202})
        if media_type in {JSON, "message/rfc822"}:
            return httpx.Response(202, json={"state": "accepted"})
        return httpx.Response(200, text="".join(json.dumps(each) + "\n" for each in lines))


def error_json(fault: Any) -> dict[str, str]:
    return {"field": fault.field, "reason": fault.reason, "detail": fault.message}


def prepare(file: Path, channel: str, door: Callable[[httpx.Request], httpx.Response]) -> FileImport:
    client = httpx.Client(base_url="http://intake", transport=httpx.MockTransport(door))
    return FileImport(file, channel, client, table=TABLES, sleep=lambda _: None)


def run(file: Path, channel: str, door: Callable[[httpx.Request], httpx.Response] | None = None) -> FileImport:
    imported = prepare(file, channel, door or ParsingIntake(channel))
    list(imported.run())
    return imported


def form(number: int, **more: Any) -> str:
    at = "2026-03-12T09:00:00+08:00"
    fields = {"submission_id": f"f{number}", "submitted_at": at, "content": "慢", "phone": "13800000101", **more}
    return json.dumps(fields, ensure_ascii=False) + "\n"


@pytest.mark.requirement("R7.1")
def test_the_size_of_a_request_is_bounded_in_bytes_too(tmp_path: Path) -> None:
    file, door = tmp_path / "big.ndjson", ParsingIntake("web_form")
    file.write_text("".join(form(number, pad="y" * 45_000) for number in range(200)), encoding="utf-8")
    imported = run(file, "web_form", door)
    assert (imported.accepted, imported.refused) == (200, 0)
    assert len(door.bodies) > 1
    assert max(len(each) for each in door.bodies) <= BATCH_BYTES + 200


@pytest.mark.requirement("R2.5", "R7.1")
def test_refused_lines_stay_lines_and_are_imported_once_corrected(tmp_path: Path) -> None:
    file, door = tmp_path / "forms.ndjson", ParsingIntake("web_form")
    bad = [
        form(1, submitted_at="soon", content="=1+1\u2028x"),
        form(2, phone="", attachments=[{"name": "a"}]),
        '{"cut\n',
    ]
    file.write_text("".join([form(0), *bad, form(3)]), encoding="utf-8")
    imported = run(file, "web_form", door)
    assert (imported.accepted, imported.refused, imported.report.name) == (2, 3, "forms.ndjson.refused.ndjson")
    entries = [json.loads(each) for each in imported.report.read_text(encoding="utf-8").split("\n") if each]
    assert [(each["_row"], each["_field"], each["_reason"]) for each in entries] == [
        ("2", "submitted_at", "bad_date"),
        ("3", "phone", "missing_contact"),
        ("4", "body", "truncated"),
    ]
    assert entries[0]["content"] == "=1+1\u2028x"
    assert entries[2]["_line"] == '{"cut\n'
    again = run(imported.report, "web_form")
    assert (again.accepted, again.refused) == (0, 3), "nothing was corrected"
    corrected = tmp_path / "corrected.ndjson"
    text = imported.report.read_text(encoding="utf-8").replace("soon", "2026-03-12T09:00:00+08:00")
    corrected.write_text(text.replace('"phone": ""', '"phone": "13800000101"'), encoding="utf-8")
    door = ParsingIntake("web_form")
    assert run(corrected, "web_form", door).refused == 1
    assert door.accepted == ["f1", "f2"]


@pytest.mark.requirement("R2.5")
def test_refused_mails_stay_an_mbox(tmp_path: Path) -> None:
    file = tmp_path / "mails.mbox"
    mails = ["Subject: who\nMessage-ID: <1@x>\n\n>From me\n", "From: a@b.example\nMessage-ID: <2@x>\n\nhello\n"]
    file.write_text("".join(f"From a Thu Jan  1 00:00:00 2026\n{each}\n" for each in mails), encoding="utf-8")
    imported = run(file, "email")
    assert (imported.accepted, imported.refused, imported.report.name) == (1, 1, "mails.mbox.refused.mbox")
    report = imported.report.read_bytes()
    assert b"\nX-Refused: 1; From; missing_contact; " in report
    corrected = tmp_path / "corrected.mbox"
    corrected.write_bytes(report.replace(b"Subject:", b"From: c@d.example\nSubject:"))
    door = ParsingIntake("email")
    assert run(corrected, "email", door).refused == 0
    assert door.accepted == ["<1@x>"]
    assert b"\nFrom me\n" in door.bodies[0] + b"\n"


@pytest.mark.requirement("R2.5")
def test_refused_lines_of_a_log_are_imported_once_corrected(tmp_path: Path) -> None:
    file = tmp_path / "queue_log"
    good = "1773277000|c1|q|NONE|ENTERQUEUE||13800000101|1\n1773277010|c1|q|m|CONNECT|10|x|3\n"
    file.write_text(f"{good}yesterday|c2|q|m|CONNECT|1|2|3\n", encoding="utf-8")
    imported = run(file, "hotline")
    assert (imported.accepted, imported.refused, imported.report.name) == (2, 1, "queue_log.refused.ndjson")
    corrected = tmp_path / "corrected.ndjson"
    corrected.write_text(
        imported.report.read_text(encoding="utf-8").replace("yesterday", "1773277000"), encoding="utf-8"
    )
    door = ParsingIntake("hotline")
    assert run(corrected, "hotline", door).refused == 0
    assert door.bodies == [b"1773277000|c2|q|m|CONNECT|1|2|3\n"]


@pytest.mark.requirement("R2.5")
def test_a_table_of_refused_rows_has_every_column(tmp_path: Path) -> None:
    report = CsvRejectReport(tmp_path / "list.xlsx")
    report.begin(0)
    fault = [
        RejectReason("b", "bad_date", "write a date"),
        RejectReason("c", "bad_date", "write a date"),
        RejectReason("c", "empty", "say it"),
    ]
    for number, cells in enumerate(({"a": 1}, {"a": 2, "b": "x"}, {"c": "=1"}), start=2):
        report.add([RejectedMessage(MessagePart(number, json.dumps(cells).encode(), JSON), fault)])
    with report.path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [[each[name] for name in ("_row", "a", "b", "c")] for each in rows] == [
        ["2", "1", "", ""],
        ["3", "2", "x", ""],
        ["4", "", "", "\t=1"],
    ]
    assert (rows[0]["_field"], rows[0]["_reason"]) == ("b,c", "bad_date,empty")
    assert rows[0]["_what_to_do"] == "b: write a date; c: write a date; c: say it"


@pytest.mark.requirement("R2.5", "R7.1")
def test_a_row_that_cannot_be_decoded_is_reported_in_its_own_columns(tmp_path: Path) -> None:
    file = tmp_path / "hall.csv"
    rows = [f"S{number},2026-03-12 10:21,1380000{number:04d},内容{number}很长很长\n" for number in range(600)]
    content = bytearray((HEAD + "".join(rows)).encode("gb18030"))
    content[content.index("内容300".encode("gb18030"))] = 0xFF
    file.write_bytes(bytes(content))
    imported = run(file, "store")
    assert (imported.accepted, imported.refused) == (599, 1)
    with imported.report.open(encoding="utf-8-sig", newline="") as report:
        (row,) = list(csv.DictReader(report))
    assert (row["_reason"], row["受理流水号"]) == ("bad_encoding", "S300")


@pytest.mark.requirement("R7.1")
@pytest.mark.parametrize("name", ["hall.csv", "hall.ndjson"])
def test_an_interrupted_import_reports_each_refused_row_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(file_import, "BATCH", 2)
    rows = [{"受理流水号": f"S{n}", "受理时间": "2026-03-12 10:21", "联系电话": "", "投诉内容": "慢"} for n in range(6)]
    file = tmp_path / name
    if name.endswith("csv"):
        file.write_text(HEAD + "".join(",".join(each.values()) + "\n" for each in rows), encoding="utf-8")
    else:
        file.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
    door = ParsingIntake("store")
    door.unavailable_after = 2
    first = prepare(file, "store", door)
    with pytest.raises(DubanError, match="run the same command again"):
        list(first.run())
    # As if it had been interrupted between the report and the progress file.
    first._report.add([RejectedMessage(MessagePart(9, b'{"x": 1}', JSON), [RejectReason("x", "empty", "y")])])
    again = run(file, "store")
    assert (again.skipped, again.accepted, again.refused) == (4, 0, 6)
    text = again.report.read_text(encoding="utf-8-sig")
    assert [text.count(f"S{number}") for number in range(6)] == [1] * 6
    assert "empty" not in text
    assert not list(tmp_path.glob("*.progress*"))


def test_a_line_without_a_result_counts_as_refused(tmp_path: Path) -> None:
    file = tmp_path / "forms.ndjson"
    file.write_text(form(1), encoding="utf-8")
    assert run(file, "web_form", lambda _: httpx.Response(200, text="")).refused == 1


def test_a_dumped_record_without_a_value_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "dump.jsonl"
    file.write_text('{"topic":"t","partition":0,"offset":1,"payload":""}\n', encoding="utf-8")
    imported = run(file, "store")
    assert (imported.accepted, imported.refused) == (0, 1)
