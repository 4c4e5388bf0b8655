"""Files of contacts: read whatever office programs write, resume, report what was refused."""

import csv
import json
from pathlib import Path

import httpx
import pytest

from duban import importing
from duban.importing import Import, rows
from services.shared.errors import DubanError

HEAD = "受理流水号,联系电话,投诉内容\n"


class Door:
    """Stands for intake: refuses rows without a phone, and can be shut."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.batches = 0
        self.shut_after = 10**6

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.batches += 1
        if self.batches > self.shut_after:
            return httpx.Response(503, json={"title": "Try again later", "detail": "the broker is away"})
        results = []
        for number, line in enumerate(request.content.decode().splitlines(), start=1):
            row = json.loads(line)
            self.seen.append(row["受理流水号"])
            fault = {"field": "联系电话", "reason": "missing_contact", "detail": "give a phone"}
            good = {"line": number, "status": 202, "reference": row["受理流水号"]}
            results.append(
                good if row["联系电话"] else {"line": number, "status": 400, "title": "x", "errors": [fault]}
            )
        return httpx.Response(200, text="".join(json.dumps(each) + "\n" for each in results))


def file_of(folder: Path, count: int, *, without_phone: int | None = None) -> Path:
    file = folder / "export.csv"
    lines = (f"SD{n},{'' if n == without_phone else '13800000101'},慢\n" for n in range(count))
    file.write_bytes((HEAD + "".join(lines)).encode("gb18030"))
    return file


def client(door: Door) -> httpx.Client:
    return httpx.Client(base_url="http://intake", transport=httpx.MockTransport(door))


@pytest.mark.requirement("R7.1", "R2.5")
def test_refused_rows_are_told_in_a_file_that_office_programs_read(tmp_path: Path) -> None:
    door = Door()
    work = Import(file_of(tmp_path, 5, without_phone=3), "store", client(door))
    assert list(work.run()) == [5]
    assert (work.accepted, work.refused) == (4, 1)
    with work.report.open(encoding="utf-8-sig", newline="") as told:
        (row,) = list(csv.DictReader(told))
    assert (row["row"], row["field"], row["reason"]) == ("4", "联系电话", "missing_contact")
    assert "SD3" in row["content"]


@pytest.mark.requirement("R7.1")
def test_an_interrupted_import_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH", 2)
    file, door = file_of(tmp_path, 6), Door()
    door.shut_after = 2
    with pytest.raises(DubanError, match="run the same command again"):
        list(Import(file, "store", client(door)).run())
    door.shut_after = 10**6
    again = Import(file, "store", client(door))
    assert again.skipped == 4
    list(again.run())
    assert door.seen == [f"SD{n}" for n in range(6)]
    assert Import(file, "store", client(door)).skipped == 0


def test_a_changed_file_is_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH", 2)
    file, door = file_of(tmp_path, 4), Door()
    next(iter(Import(file, "store", client(door)).run()))
    file.write_bytes(file.read_bytes() + b"SD9,13800000101,x\n")
    assert Import(file, "store", client(door)).skipped == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_encodings_that_office_programs_write(encoding: str) -> None:
    told = rows((HEAD + 'SD1,13800000101,"慢，\n还断线"\n').encode(encoding), ".csv")
    assert told == [{"受理流水号": "SD1", "联系电话": "13800000101", "投诉内容": "慢，\n还断线"}]


def test_files_that_cannot_be_read_say_what_to_do() -> None:
    with pytest.raises(DubanError, match="line 2 is no JSON"):
        rows(b'{"a": 1}\n{"a"\n', ".ndjson")
    with pytest.raises(DubanError, match="its first line has to name the columns"):
        rows(b"", ".csv")
    with pytest.raises(DubanError, match=r"give a \.csv or an \.ndjson"):
        rows(b"x", ".pdf")
    with pytest.raises(DubanError, match="neither UTF-8 nor GB18030"):
        rows(b"\xff\xff\xff", ".csv")
