"""Tests of reading workbooks: hostile ones cost little, and honest ones that look odd are read."""

import io
import json
import random
import zipfile
from typing import Any

import openpyxl
import pytest
from openpyxl.cell.read_only import ReadOnlyCell

from services.intake.domain import sheets
from services.intake.domain.fields import InvalidPayload
from services.intake.domain.message_parts import XLSX, MessagePart
from services.intake.domain.splitter import split

IDS = ["申诉编号"]
NAMESPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
PART = "xl/worksheets/sheet1.xml"


def workbook(*rows: list[Any], sheets_before: int = 0) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for _ in range(sheets_before):
        sheet = book.create_sheet()
    for row in rows:
        sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def replace_in_part(content: bytes, part: str, old: bytes | None, new: bytes) -> bytes:
    """Return a workbook with a text replaced in one of its parts; None: the part is replaced as a whole."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as after:
        for entry in before.infolist():
            data = before.read(entry)
            if entry.filename == part:
                assert old is None or old in data
                data = new if old is None else data.replace(old, new)
            after.writestr(entry.filename, data)
    return file.getvalue()


def sheet(rows: str, dimension: str = "A1:XFD1048576") -> bytes:
    xml = f'<worksheet {NAMESPACE}><dimension ref="{dimension}"/><sheetData>{rows}</sheetData></worksheet>'
    return replace_in_part(workbook([]), PART, None, xml.encode())


def cell(at: str, text: str, more: str = "") -> str:
    return f'<c r="{at}" t="inlineStr">{more}<is><t>{text}</t></is></c>'


def parts(content: bytes) -> list[MessagePart]:
    return [part for part in split(io.BytesIO(content), XLSX, ids=IDS) or () if part.kept is None]


def rejection(content: bytes) -> str:
    with pytest.raises(InvalidPayload) as caught:
        parts(content)
    (error,) = caught.value.errors
    assert error.message
    return error.reason


@pytest.fixture
def created_cells(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A name for each cell that is created while a workbook is read."""
    names: list[str] = []
    original = ReadOnlyCell

    def create(*args: Any, **fields: Any) -> Any:
        names.append(f"{fields['column']}/{fields['row']}")
        return original(*args, **fields)

    monkeypatch.setattr(sheets, "ReadOnlyCell", create)
    return names


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize("last", [1_048_576, 10**12])
def test_missing_rows_and_columns_cost_nothing(created_cells: list[str], last: int) -> None:
    rows = (
        f'<row r="1">{cell("A1", "申诉编号")}{cell("ZZZ1", "far")}</row>'
        f'<row r="{last}">{cell(f"A{last}", "S1")}{cell(f"ZZZ{last}", "x")}</row>'
    )
    (part,) = parts(sheet(rows))
    assert (part.line, json.loads(part.body)) == (last, {"申诉编号": "S1", "far": "x"})
    assert len(created_cells) == 4


@pytest.mark.parametrize("dimension", ["A1", "A1:A1", "B7:C8"])
def test_a_claimed_size_that_is_too_small_hides_no_row(dimension: str) -> None:
    rows = f'<row r="1">{cell("A1", "申诉编号")}{cell("B1", "申诉内容")}</row>'
    rows += "".join(f'<row r="{at}">{cell(f"A{at}", f"S{at}")}{cell(f"B{at}", "慢")}</row>' for at in (2, 3))
    assert [json.loads(part.body)["申诉编号"] for part in parts(sheet(rows, dimension))] == ["S2", "S3"]


def test_a_formula_is_rejected_and_never_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise AssertionError("a formula was evaluated")

    monkeypatch.setattr("openpyxl.formula.translate.Translator.translate_formula", fail)
    shared = '<f t="shared" si="0" ref="B2:B3">A2&amp;A3</f>'
    rows = (
        f'<row r="1">{cell("A1", "申诉编号")}{cell("B1", "申诉内容")}</row>'
        f'<row r="2">{cell("A2", "S1")}<c r="B2">{shared}<v>1</v></c></row>'
        f'<row r="3">{cell("A3", "S2")}<c r="B3"><f t="shared" si="0"/><v>1</v></c></row>'
    )
    assert [part.error.reason for part in parts(sheet(rows)) if part.error is not None] == ["formula_cell"] * 2


def test_a_workbook_that_would_unpack_to_too_much_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    blank = "<row>" + " " * 2_000_000 + "</row>"
    assert rejection(sheet(blank)) == "too_large"
    honest = workbook(IDS, *([f"S{number}"] for number in range(200)))
    assert len(parts(honest)) == 200
    monkeypatch.setattr(sheets, "MAX_UNPACKED_BYTES", 1000)
    assert rejection(honest) == "too_large"


def test_a_workbook_with_a_sheet_listed_twice_or_too_many_sheets_is_rejected() -> None:
    two = workbook(IDS, ["S1"], sheets_before=1)
    with zipfile.ZipFile(io.BytesIO(two)) as packed:
        links = packed.read("xl/_rels/workbook.xml.rels")
    assert b"sheet2.xml" in links
    assert rejection(replace_in_part(two, "xl/_rels/workbook.xml.rels", b"sheet2.xml", b"sheet1.xml")) == "not_xlsx"
    assert rejection(workbook(IDS, ["S1"], sheets_before=sheets.MAX_SHEETS)) == "too_large"


def test_the_list_may_follow_a_chart_sheet() -> None:
    book = openpyxl.Workbook()
    book.create_chartsheet("chart", 0)
    book.worksheets[0].append(IDS)
    book.worksheets[0].append(["S1"])
    file = io.BytesIO()
    book.save(file)
    assert [json.loads(part.body) for part in parts(file.getvalue())] == [{"申诉编号": "S1"}]


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04" + b"x" * 100, b"a,b\n", workbook(IDS)[:-30]])
def test_a_file_that_is_no_workbook_is_rejected(content: bytes) -> None:
    assert rejection(content) in {"empty", "truncated", "not_xlsx"}


def test_shared_texts_are_read_completely_and_without_phonetic_hints() -> None:
    rich = "<si><r><t>宽带</t></r><r><rPr><b/></rPr><t>断网</t></r><rPh sb='0' eb='1'><t>kuandai</t></rPh></si>"
    names = "".join(f"<si><t>{name}</t></si>" for name in ("申诉编号", "申诉内容", "S1"))
    table = f"<sst {NAMESPACE}>{names}{rich}</sst>".encode()
    rows = (
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
        '<row r="2"><c r="A2" t="s"><v>2</v></c><c r="B2" t="s"><v>3</v></c></row>'
        '<row r="3"><c r="A3" t="inlineStr"><is><r><t>S</t></r><r><t>2</t></r></is></c><c r="B3" t="inlineStr"/></row>'
    )
    content = workbook(["x"])
    content = replace_in_part(
        content, PART, None, f"<worksheet {NAMESPACE}><sheetData>{rows}</sheetData></worksheet>".encode()
    )
    kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    override = b'<Override PartName="/xl/texts.xml" ContentType="%s"/></Types>' % kind
    file = io.BytesIO(replace_in_part(content, "[Content_Types].xml", b"</Types>", override))
    with zipfile.ZipFile(file, "a") as packed:
        packed.writestr("xl/texts.xml", table)
    assert [json.loads(part.body) for part in parts(file.getvalue())] == [
        {"申诉编号": "S1", "申诉内容": "宽带断网"},
        {"申诉编号": "S2"},
    ]


@pytest.mark.parametrize(
    "part", ["xl/styles.xml", "[Content_Types].xml", "xl/_rels/workbook.xml.rels", "xl/workbook.xml"]
)
def test_the_parts_beside_the_sheets_are_limited_in_size(part: str) -> None:
    content = workbook(IDS, ["S1"])
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        original = packed.read(part)
    # Random text hardly compresses, so that the workbook is not taken for a ZIP bomb.
    padding = random.Random(1).randbytes(sheets.MAX_METADATA_BYTES // 2).hex().encode()
    assert rejection(replace_in_part(content, part, None, original + b"<!--" + padding + b"-->")) == "too_large"
    assert len(parts(replace_in_part(content, part, None, original + b"<!--" + padding[:1000] + b"-->"))) == 1
