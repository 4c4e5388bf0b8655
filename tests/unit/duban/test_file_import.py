"""Importing files of contacts: encodings of office programs, resuming, and the report of refused rows."""

import csv
import io
import json
from collections import Counter
from pathlib import Path

import httpx
import pytest

from duban import file_import
from duban.file_import import FileImport
from duban.import_account import ImportAccount
from services.intake.channel_registry import channels
from services.intake.domain.fields import InvalidPayload
from services.intake.domain.message_parts import CSV, JSON, XLSX, MessagePart
from services.intake.domain.splitter import split
from services.shared.runtime.errors import DubanError

TABLES = channels()
HEAD = "受理流水号,联系电话,投诉内容\n"


class PhoneCheckingIntake:
    """Stands for intake: refuses rows without a phone, and can become unavailable."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self.batches = 0
        self.unavailable_after = 10**6

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.batches += 1
        if self.batches > self.unavailable_after:
            return httpx.Response(503, json={"title": "Try again later", "detail": "the broker is away"})
        results = []
        for number, line in enumerate(request.content.decode().splitlines(), start=1):
            row = json.loads(line)
            self.received.append(row["受理流水号"])
            fault = {"field": "联系电话", "reason": "missing_contact", "detail": "give a phone"}
            good = {"line": number, "status": 202, "reference": row["受理流水号"]}
            results.append(
                good if row["联系电话"] else {"line": number, "status": 400, "title": "x", "errors": [fault]}
            )
        return httpx.Response(200, text="".join(json.dumps(each) + "\n" for each in results))


def no_wait(seconds: float) -> None:
    """Stand for the time between two attempts."""


def write_file(folder: Path, count: int, *, without_phone: int | None = None) -> Path:
    file = folder / "export.csv"
    lines = (f"SD{n},{'' if n == without_phone else '13800000101'},慢\n" for n in range(count))
    file.write_bytes((HEAD + "".join(lines)).encode("gb18030"))
    return file


def client(door: PhoneCheckingIntake) -> httpx.Client:
    return httpx.Client(base_url="http://intake", transport=httpx.MockTransport(door))


@pytest.mark.requirement("R7.1", "R2.5")
def test_refused_rows_are_reported_in_a_file_for_office_programs(tmp_path: Path) -> None:
    door = PhoneCheckingIntake()
    work = FileImport(write_file(tmp_path, 5, without_phone=3), "store", client(door), table=TABLES, sleep=no_wait)
    assert list(work.run()) == [5]
    assert (work.accepted, work.refused) == (4, 1)
    with work.report.open(encoding="utf-8-sig", newline="") as report:
        (row,) = list(csv.DictReader(report))
    assert (row["_row"], row["_field"], row["_reason"]) == ("5", "联系电话", "missing_contact")
    assert row["受理流水号"] == "SD3"


@pytest.mark.requirement("R7.1")
def test_an_interrupted_import_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_import, "BATCH", 2)
    file, door = write_file(tmp_path, 6), PhoneCheckingIntake()
    door.unavailable_after = 2
    with pytest.raises(DubanError, match="run the same command again"):
        list(FileImport(file, "store", client(door), table=TABLES, sleep=no_wait).run())
    door.unavailable_after = 10**6
    again = FileImport(file, "store", client(door), table=TABLES, sleep=no_wait)
    assert again.skipped == 4
    list(again.run())
    assert door.received == [f"SD{n}" for n in range(6)]
    assert FileImport(file, "store", client(door), table=TABLES, sleep=no_wait).skipped == 0


@pytest.mark.requirement("R7.1")
@pytest.mark.parametrize(
    ("channel", "server", "settings"),
    [("web_form", "http://intake", {}), ("store", "http://other", {}), ("store", "http://intake", {"charset": "gbk"})],
)
def test_an_import_with_another_channel_server_or_setting_starts_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channel: str, server: str, settings: dict[str, str]
) -> None:
    monkeypatch.setattr(file_import, "BATCH", 2)
    file, door = write_file(tmp_path, 6), PhoneCheckingIntake()
    next(iter(FileImport(file, "store", client(door), table=TABLES).run()))
    http = httpx.Client(base_url=server, transport=httpx.MockTransport(door))
    assert FileImport(file, channel, http, table=TABLES, settings=settings).skipped == 0
    assert FileImport(file, "store", client(door), table=TABLES).skipped == 2


@pytest.mark.requirement("R2.5", "R7.1")
def test_a_resumed_import_accounts_for_the_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_import, "BATCH", 2)
    file, door = tmp_path / "export.csv", PhoneCheckingIntake()
    rows = [
        "清单\n",
        HEAD,
        "SD1,13800000101,慢\n",
        "二、移动类,,\n",
        "SD2,,慢\n",
        "\n",
        "SD3,13800000101,慢\n",
        "合计,3,\n",
    ]
    file.write_text("".join(rows), encoding="utf-8")
    next(iter(FileImport(file, "store", client(door), table=TABLES).run()))
    again = FileImport(file, "store", client(door), table=TABLES)
    assert (again.skipped, list(again.run())) == (2, [3])
    account = again.account
    assert account.is_complete
    assert list(account.lines("export.csv")) == [
        "export.csv: 8 came in = 2 accepted + 5 kept (empty 1, header 1, heading 1, subtotal 1, title 1) + 1 refused"
    ]


def test_a_sum_that_does_not_hold_is_seen() -> None:
    account = ImportAccount(delivered=Counter({"清单": 2}))
    account.add(MessagePart(1, b"", JSON, sheet="清单"))
    assert not account.is_complete
    assert list(account.lines("a.xlsx")) == ["a.xlsx, sheet 清单: 2 came in is NOT 1 accepted + 0 kept + 0 refused"]


def test_a_changed_file_is_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_import, "BATCH", 2)
    file, door = write_file(tmp_path, 4), PhoneCheckingIntake()
    next(iter(FileImport(file, "store", client(door), table=TABLES, sleep=no_wait).run()))
    file.write_bytes(file.read_bytes() + b"SD9,13800000101,x\n")
    assert FileImport(file, "store", client(door), table=TABLES, sleep=no_wait).skipped == 0


@pytest.mark.requirement("R2.5")
def test_a_corrected_report_can_be_imported(tmp_path: Path) -> None:
    work = FileImport(write_file(tmp_path, 5, without_phone=3), "store", client(PhoneCheckingIntake()), table=TABLES)
    list(work.run())
    corrected = tmp_path / "corrected.csv"
    corrected.write_bytes(work.report.read_bytes().replace(b"SD3,", b"SD3,13800000101"))
    door = PhoneCheckingIntake()
    again = FileImport(corrected, "store", client(door), table=TABLES, sleep=no_wait)
    list(again.run())
    assert (door.received, again.refused) == (["SD3"], 0)


def test_no_cell_of_a_report_is_a_formula(tmp_path: Path) -> None:
    file = tmp_path / "export.csv"
    file.write_text(HEAD + "SD1,,=1+1\n", encoding="utf-8")
    work = FileImport(file, "store", client(PhoneCheckingIntake()), table=TABLES)
    list(work.run())
    assert ",\t=1+1" in work.report.read_text(encoding="utf-8-sig")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_encodings_of_office_programs_are_decoded(encoding: str) -> None:
    parts = split(io.BytesIO((HEAD + 'SD1,13800000101,"慢，\n还断线"\n').encode(encoding)), CSV)
    assert parts is not None
    rows = [json.loads(part.body) for part in parts if part.kept is None]
    assert rows == [{"受理流水号": "SD1", "联系电话": "13800000101", "投诉内容": "慢，\n还断线"}]


@pytest.mark.parametrize(
    ("content", "media_type", "reason"),
    [(b"", CSV, "empty"), (b"", XLSX, "empty"), (b"x", XLSX, "not_xlsx"), (b"PK\x03\x04", XLSX, "truncated")],
)
def test_a_file_that_cannot_be_parsed_names_the_reason(content: bytes, media_type: str, reason: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        list(split(io.BytesIO(content), media_type) or ())
    assert [each.reason for each in caught.value.errors] == [reason]
