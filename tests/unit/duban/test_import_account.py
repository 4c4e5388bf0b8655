"""The sum of an import over rearranged files of every kind: what came in is accepted, kept or refused, and reported."""

import csv
import json
import tempfile
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duban.file_import import FileImport
from duban.import_account import ImportAccount
from services.intake.channel_registry import channels
from services.shared.runtime.errors import DubanError
from tests.unit.duban.test_rejects import ParsingIntake
from tests.unit.intake.test_row_list import NAMES, ROW, csv_file, workbook

TABLES = channels()
GOOD = b'{"submission_id": "f1", "content": "x", "phone": "13800000101"}'
LINE = st.sampled_from([b"", b"{", b"[]", GOOD, b'{"a": 1}', b"\xff", b"null"])


def run(content: bytes, suffix: str, channel: str) -> None:
    """Import a file and hold the account against what intake accepted and what the report holds."""
    door = ParsingIntake(channel)
    http = httpx.Client(base_url="http://intake", transport=httpx.MockTransport(door))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"list.{suffix}"
        file.write_bytes(content)
        work = FileImport(file, channel, http, table=TABLES)
        try:
            list(work.run())
        except DubanError:
            return
        account = work.account
        assert account.is_complete, list(account.lines(file.name))
        assert len(door.accepted) == account.accepted
        assert reported(work.report) == account.refused
        assert ImportAccount.from_json(json.loads(json.dumps(account.to_json()))).sheets == account.sheets


def reported(report: Path) -> int:
    if not report.exists():
        return 0
    with report.open(encoding="utf-8-sig", newline="") as file:
        return sum(1 for _ in csv.DictReader(file)) if report.suffix == ".csv" else sum(1 for _ in file)


@pytest.mark.requirement("R2.5", "R7.1")
@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["一", "二"]), st.lists(ROW, max_size=10), min_size=1))
def test_the_sum_of_a_workbook_holds(sheets: dict[str, list[list[str]]]) -> None:
    run(workbook(sheets), "xlsx", "regulator")


@pytest.mark.requirement("R2.5", "R7.1")
@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, max_size=10), st.sampled_from([",", ";", "\t"]), st.sampled_from(["utf-8", "gb18030"]))
def test_the_sum_of_a_table_holds(rows: list[list[str]], delimiter: str, charset: str) -> None:
    run(csv_file([["清单"], NAMES, *rows], delimiter, charset), "csv", "regulator")


@pytest.mark.requirement("R2.5", "R7.1")
@settings(max_examples=60, deadline=None)
@given(st.lists(LINE, max_size=10))
def test_the_sum_of_lines_holds(lines: list[bytes]) -> None:
    run(b"\n".join(lines), "ndjson", "web_form")
