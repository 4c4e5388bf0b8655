"""Every row of a table is a message, kept with a reason, or refused; nothing ends a list but the mark that says so."""

import io
from collections import Counter

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.domain.fields import InvalidPayload
from services.intake.domain.message_parts import CSV, MBOX, NDJSON, XLSX, MessagePart
from services.intake.domain.splitter import split
from tests.unit.intake.parsing import reasons

NAMES = ["申诉编号", "申诉人", "联系电话", "申诉内容"]
IDS = ["申诉编号"]


def data(number: int) -> list[str]:
    return [f"GX-{number}", "张三", "13900000001", "宽带断了"]


def workbook(sheets: dict[str, list[list[str]]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append([cell or None for cell in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def csv_file(rows: list[list[str]], delimiter: str = ",", charset: str = "utf-8") -> bytes:
    return "".join(delimiter.join(row) + "\r\n" for row in rows).encode(charset)


def read(content: bytes, media_type: str, delivered: Counter[str] | None = None) -> list[MessagePart]:
    return list(split(io.BytesIO(content), media_type, ids=IDS, delivered=delivered) or ())


def outcome(part: MessagePart) -> str:
    return part.kept or (part.error.reason if part.error is not None else "message")


def outcomes(rows: list[list[str]]) -> list[str]:
    """Return what each row is, which a workbook and a CSV file of the same rows must agree on."""
    in_workbook = [outcome(part) for part in read(workbook({"清单": rows}), XLSX)]
    width = max(map(len, rows))
    padded = [row + [""] * (width - len(row)) for row in rows]
    assert [outcome(part) for part in read(csv_file(padded), CSV)] == in_workbook
    return in_workbook


@pytest.mark.requirement("R2.5", "R7.1")
@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (["", "二、移动类"], "heading"),
        (["二、移动类"], "heading"),
        (["小计", "", "2"], "subtotal"),
        (["", "合 计", "2", "120.00"], "subtotal"),
        (["Total:", "2"], "subtotal"),
        (["备注：以上为本周申诉"], "remark"),
        (["制表人：李四", "审核人：王五", "日期：2026-03-10"], "remark"),
        (NAMES, "header"),
        (["", "7"], "empty"),
        (["", "张三", "13900000001", "宽带断了"], "missing_id"),
        (["", "", "13900000001"], "missing_id"),
        (["", "", "宽带断了", "三天"], "missing_id"),
        (["", "", "", "宽带断了三天没人修，要求退费。"], "missing_id"),
        (["小计", "", "13900000001"], "missing_id"),
    ],
)
def test_rows_between_messages_never_end_a_list(row: list[str], expected: str) -> None:
    assert outcomes([NAMES, data(1), row, data(2)]) == ["header", "message", expected, "message"]


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize("mark", ["以下空白", "（以下空白）", "---以下为空白---", "以下无正文"])
def test_rows_below_the_mark_that_ends_a_list_are_refused_and_say_so(mark: str) -> None:
    rows = [NAMES, data(1), [mark], ["备注：无"], data(2)]
    assert outcomes(rows) == ["header", "message", "end", "remark", "bad_schema"]
    error = read(workbook({"清单": rows}), XLSX)[-1].error
    assert error is not None
    assert mark in error.message


def test_a_second_list_with_columns_of_its_own_is_read_by_its_own_header() -> None:
    other = ["申诉编号", "申诉内容", "联系电话"]
    parts = read(workbook({"清单": [NAMES, data(1), other, ["GX-2", "慢", "13900000002"]]}), XLSX)
    assert [outcome(part) for part in parts] == ["header", "message", "header", "message"]
    assert '"申诉内容": "慢"' in parts[-1].body.decode()


@pytest.mark.requirement("R2.5", "R7.1")
def test_all_sheets_are_read_and_one_without_a_known_header_is_reported() -> None:
    book = workbook(
        {
            "宽带": [["转办清单"], NAMES, data(1)],
            "说明": [["填报说明", "每周一报"]],
            "续": [data(2)],
            "移动": [NAMES, data(3)],
        }
    )
    found = [(part.sheet, part.line, outcome(part)) for part in read(book, XLSX)]
    assert found == [
        ("宽带", 1, "title"),
        ("宽带", 2, "header"),
        ("宽带", 3, "message"),
        ("说明", 1, "no_header"),
        ("续", 1, "bad_schema"),
        ("移动", 1, "header"),
        ("移动", 2, "message"),
    ]


@pytest.mark.requirement("R7.1")
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_csv_file_may_have_titles_above_its_header_and_any_usual_delimiter(delimiter: str, charset: str) -> None:
    rows = [["电信用户申诉转办清单"], ["制表：甲,乙；丙"] if delimiter == "\t" else ["2026年3月"], [], NAMES, data(1)]
    parts = read(csv_file(rows, delimiter, charset), CSV)
    assert [outcome(part) for part in parts] == ["title", "title", "empty", "header", "message"]
    assert '"联系电话": "13900000001"' in parts[-1].body.decode()


def test_a_csv_file_without_a_header_we_know_is_refused_as_a_whole() -> None:
    assert reasons(lambda: read(b"a,b\n1,2\n", CSV)) == {"body": "bad_schema"}


def test_lines_and_mails_that_hold_nothing_are_counted() -> None:
    delivered = Counter[str]()
    assert [outcome(part) for part in read(b'{"a": 1}\n\n{"a": 2}\n', NDJSON, delivered)] == [
        "message",
        "empty",
        "message",
    ]
    mails = b"From a\nSubject: x\n\n1\n\nFrom b\n\nFrom c\nSubject: y\n\n2\n"
    assert [outcome(part) for part in read(mails, MBOX, delivered)] == ["message", "empty", "message"]
    assert delivered == Counter({"": 6})


def test_what_stands_before_the_first_mail_is_not_passed_over() -> None:
    assert reasons(lambda: read(b"Subject: x\n\n1\n\nFrom b\nSubject: y\n\n2\n", MBOX)) == {"body": "bad_syntax"}


TEXTS = ["", "GX-7", "张三", "13900000001", "合计", "小计", "以下空白", "备注：无", "一、移动类", "7", "=1", '"', "a,b"]
CELL = st.sampled_from([*TEXTS, "", "申诉编号", "宽带断了三天没人修。"])
ROW = st.one_of(st.just(NAMES), st.builds(data, st.integers(1, 9)), st.lists(CELL, max_size=6))


@pytest.mark.requirement("R2.5", "R7.1")
@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["一", "二", "三"]), st.lists(ROW, max_size=12), min_size=1))
def test_every_row_of_a_rearranged_workbook_is_accounted_for(sheets: dict[str, list[list[str]]]) -> None:
    written = {title: sum(any(row) for row in rows) for title, rows in sheets.items()}
    delivered, accounted = Counter[str](), Counter[str]()
    try:
        for part in split(io.BytesIO(workbook(sheets)), XLSX, ids=IDS, delivered=delivered) or ():
            accounted[part.sheet] += 1
    except InvalidPayload:
        assert not any("申诉编号" in row for rows in sheets.values() for row in rows)
    assert accounted == delivered
    assert all(delivered[title] >= count for title, count in written.items())


@pytest.mark.requirement("R2.5", "R7.1")
@settings(max_examples=60, deadline=None)
@given(
    st.lists(ROW, max_size=12),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4),
)
def test_every_byte_of_a_damaged_csv_file_is_in_a_row_that_is_accounted_for(
    rows: list[list[str]], delimiter: str, charset: str, damage: list[tuple[int, int]]
) -> None:
    content = bytearray(csv_file([NAMES, *rows], delimiter, charset))
    for at, byte in damage:
        if len(NAMES) * 16 < at < len(content):
            content[at] = byte
    delivered, accounted, lines = Counter[str](), 0, list[int]()
    for part in split(io.BytesIO(bytes(content)), CSV, ids=IDS, delivered=delivered) or ():
        accounted += 1
        lines.append(part.line)
    assert accounted == delivered[""]
    assert lines == sorted(set(lines))
