"""Workbooks that are made to cost more than they weigh, and honest ones that look odd."""

import io
import json
import random
import zipfile
from typing import Any

import openpyxl
import pytest
from openpyxl.cell.read_only import ReadOnlyCell

from services.intake import webhooks
from services.intake.domain import sheets
from services.intake.domain.envelope import MAX_CONTACT_BYTES, Envelope
from services.intake.domain.fields import InvalidPayload
from services.intake.domain.splitter import CSV, JSON, MAIL, MBOX, NDJSON, XLSX, MessagePart, split
from tests.builders import MORNING

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


def changed(content: bytes, part: str, old: bytes | None, new: bytes) -> bytes:
    """Return a workbook with something else in one of its parts, or all of it."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as after:
        for each in before.infolist():
            told = before.read(each)
            if each.filename == part:
                assert old is None or old in told
                told = new if old is None else told.replace(old, new)
            after.writestr(each.filename, told)
    return file.getvalue()


def sheet(rows: str, dimension: str = "A1:XFD1048576") -> bytes:
    told = f'<worksheet {NAMESPACE}><dimension ref="{dimension}"/><sheetData>{rows}</sheetData></worksheet>'
    return changed(workbook([]), PART, None, told.encode())


def cell(at: str, text: str, more: str = "") -> str:
    return f'<c r="{at}" t="inlineStr">{more}<is><t>{text}</t></is></c>'


def pieces(content: bytes) -> list[MessagePart]:
    return list(split(io.BytesIO(content), XLSX, ids=IDS) or ())


def refused(content: bytes) -> str:
    with pytest.raises(InvalidPayload) as caught:
        pieces(content)
    (fault,) = caught.value.errors
    assert fault.message
    return fault.reason


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was read of a workbook: a name for each cell that openpyxl was asked to make."""
    names: list[str] = []
    made = ReadOnlyCell

    def making(*args: Any, **told: Any) -> Any:
        names.append(f"{told['column']}/{told['row']}")
        return made(*args, **told)

    monkeypatch.setattr(sheets, "ReadOnlyCell", making)
    return names


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize("last", [1_048_576, 10**12])
def test_rows_and_columns_that_are_not_there_cost_nothing(touched: list[str], last: int) -> None:
    rows = (
        f'<row r="1">{cell("A1", "申诉编号")}{cell("ZZZ1", "far")}</row>'
        f'<row r="{last}">{cell(f"A{last}", "S1")}{cell(f"ZZZ{last}", "x")}</row>'
    )
    (found,) = pieces(sheet(rows))
    assert (found.line, json.loads(found.body)) == (last, {"申诉编号": "S1", "far": "x"})
    assert len(touched) == 4


@pytest.mark.parametrize("dimension", ["A1", "A1:A1", "B7:C8"])
def test_a_size_that_is_too_small_hides_nothing(dimension: str) -> None:
    rows = f'<row r="1">{cell("A1", "申诉编号")}{cell("B1", "申诉内容")}</row>'
    rows += "".join(f'<row r="{at}">{cell(f"A{at}", f"S{at}")}{cell(f"B{at}", "慢")}</row>' for at in (2, 3))
    assert [json.loads(each.body)["申诉编号"] for each in pieces(sheet(rows, dimension))] == ["S2", "S3"]


def test_a_formula_is_refused_and_never_worked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("a formula was worked out")

    monkeypatch.setattr("openpyxl.formula.translate.Translator.translate_formula", never)
    shared = '<f t="shared" si="0" ref="B2:B3">A2&amp;A3</f>'
    rows = (
        f'<row r="1">{cell("A1", "申诉编号")}{cell("B1", "申诉内容")}</row>'
        f'<row r="2">{cell("A2", "S1")}<c r="B2">{shared}<v>1</v></c></row>'
        f'<row r="3">{cell("A3", "S2")}<c r="B3"><f t="shared" si="0"/><v>1</v></c></row>'
    )
    assert [each.error.reason for each in pieces(sheet(rows)) if each.error is not None] == ["formula_cell"] * 2


def test_a_workbook_that_unpacks_to_too_much_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    blank = "<row>" + " " * 2_000_000 + "</row>"
    assert refused(sheet(blank)) == "too_large"
    honest = workbook(IDS, *([f"S{number}"] for number in range(200)))
    assert len(pieces(honest)) == 200
    monkeypatch.setattr(sheets, "MAX_UNPACKED_BYTES", 1000)
    assert refused(honest) == "too_large"


def test_a_workbook_whose_sheets_are_one_or_too_many_is_refused() -> None:
    two = workbook(IDS, ["S1"], sheets_before=1)
    with zipfile.ZipFile(io.BytesIO(two)) as packed:
        links = packed.read("xl/_rels/workbook.xml.rels")
    assert b"sheet2.xml" in links
    assert refused(changed(two, "xl/_rels/workbook.xml.rels", b"sheet2.xml", b"sheet1.xml")) == "not_xlsx"
    assert refused(workbook(IDS, ["S1"], sheets_before=sheets.MAX_SHEETS)) == "too_large"


def test_the_list_may_stand_behind_a_sheet_that_is_a_chart() -> None:
    book = openpyxl.Workbook()
    book.create_chartsheet("chart", 0)
    book.worksheets[0].append(IDS)
    book.worksheets[0].append(["S1"])
    file = io.BytesIO()
    book.save(file)
    assert [json.loads(each.body) for each in pieces(file.getvalue())] == [{"申诉编号": "S1"}]


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04" + b"x" * 100, b"a,b\n", workbook(IDS)[:-30]])
def test_what_is_no_workbook_is_told(content: bytes) -> None:
    assert refused(content) in {"empty", "truncated", "not_xlsx"}


@pytest.mark.parametrize(
    ("media_type", "size", "apart"),
    [
        (XLSX, 100, True),
        (MBOX, 100, True),
        (MAIL, 100, True),
        (CSV, 100, True),
        (NDJSON, 100, True),
        (JSON, 100, False),
        ("text/xml", 100, False),
        (JSON, MAX_CONTACT_BYTES, True),
    ],
)
def test_what_may_take_long_is_read_in_a_thread_of_its_own(media_type: str, size: int, apart: bool) -> None:  # noqa: FBT001
    assert webhooks.is_slow_to_parse(Envelope("s", "store", "carrier", MORNING, media_type, b"x" * size)) is apart


def test_shared_texts_are_read_whole_and_without_their_pronunciation() -> None:
    told = "<si><r><t>宽带</t></r><r><rPr><b/></rPr><t>断网</t></r><rPh sb='0' eb='1'><t>kuandai</t></rPh></si>"
    names = "".join(f"<si><t>{each}</t></si>" for each in ("申诉编号", "申诉内容", "S1"))
    table = f"<sst {NAMESPACE}>{names}{told}</sst>".encode()
    rows = (
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
        '<row r="2"><c r="A2" t="s"><v>2</v></c><c r="B2" t="s"><v>3</v></c></row>'
        '<row r="3"><c r="A3" t="inlineStr"><is><r><t>S</t></r><r><t>2</t></r></is></c><c r="B3" t="inlineStr"/></row>'
    )
    whole = workbook(["x"])
    whole = changed(whole, PART, None, f"<worksheet {NAMESPACE}><sheetData>{rows}</sheetData></worksheet>".encode())
    kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    override = b'<Override PartName="/xl/texts.xml" ContentType="%s"/></Types>' % kind
    file = io.BytesIO(changed(whole, "[Content_Types].xml", b"</Types>", override))
    with zipfile.ZipFile(file, "a") as packed:
        packed.writestr("xl/texts.xml", table)
    found = [json.loads(each.body) for each in pieces(file.getvalue())]
    assert found == [{"申诉编号": "S1", "申诉内容": "宽带断网"}, {"申诉编号": "S2"}]


@pytest.mark.parametrize(
    "part", ["xl/styles.xml", "[Content_Types].xml", "xl/_rels/workbook.xml.rels", "xl/workbook.xml"]
)
def test_what_surrounds_a_list_is_bounded(part: str) -> None:
    whole = workbook(IDS, ["S1"])
    with zipfile.ZipFile(io.BytesIO(whole)) as packed:
        told = packed.read(part)
    # Too varied to be packed away, so that it is not its being a bomb that is told.
    padding = random.Random(1).randbytes(sheets.MAX_METADATA_BYTES // 2).hex().encode()
    assert refused(changed(whole, part, None, told + b"<!--" + padding + b"-->")) == "too_large"
    assert len(pieces(changed(whole, part, None, told + b"<!--" + padding[:1000] + b"-->"))) == 1
