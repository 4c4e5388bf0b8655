"""Spreadsheets of strangers: archives of XML that can be made to cost far more than they weigh."""

import contextlib
import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime, time
from typing import Any, BinaryIO

from openpyxl.cell.read_only import ReadOnlyCell
from openpyxl.reader.excel import ExcelReader
from openpyxl.worksheet._reader import DATA_TAG, INLINE_STRING, ROW_TAG, VALUE_TAG, WorkSheetParser
from openpyxl.xml.constants import ARC_WORKBOOK, SHARED_STRINGS, SHEET_MAIN_NS, XLSM, XLSX, XLTM, XLTX
from openpyxl.xml.functions import SubElement, iterparse

from services.intake.domain.fields import InvalidPayload, invalid_payload

MAX_UNPACKED_BYTES = 32 * 1024 * 1024
"""Bytes of a workbook once it is unpacked: some seconds of reading."""
MAX_EXPANSION = 100
"""How often a workbook's size it may have unpacked: lists have five to twenty times theirs, bombs up to a thousand."""
MAX_SHEETS = 100
MAX_METADATA_BYTES = 2 * 1024 * 1024
"""Bytes of what is neither sheet nor text: formats, names, links."""
_METADATA_PARTS = frozenset({"[Content_Types].xml", "xl/styles.xml"})
_SHARED, _TEXT, _RUN = (f"{{{SHEET_MAIN_NS}}}{name}" for name in ("si", "t", "r"))
_TIME_IN_FORMAT = re.compile(r"h|s|AM/PM", re.IGNORECASE)


def _text(element: Any) -> str:
    """Return what a shared or inline text says, without how it looks and how it is pronounced."""
    told = (each.find(_TEXT) if each.tag == _RUN else each for each in element if each.tag in {_TEXT, _RUN})
    return "".join(each.text or "" for each in told if each is not None)


class _WorkbookReader(ExcelReader):
    """Opens workbooks, reading no more of them than a list needs: openpyxl makes objects of all it finds."""

    def read_manifest(self) -> None:
        """Read which parts there are.

        Raises:
            Unusable: what is neither sheet nor text is too much.

        """
        sizes = {each.filename: each.file_size for each in self.archive.infolist()}
        frame = sum(size for name, size in sizes.items() if name in _METADATA_PARTS or name.endswith(".rels"))
        if frame <= MAX_METADATA_BYTES:
            super().read_manifest()
            parts = [self._part(each) for each in (XLTM, XLTX, XLSM, XLSX)]
            frame += sum(sizes.get(each, 0) for each in {*parts, ARC_WORKBOOK} if each is not None)
        if frame > MAX_METADATA_BYTES:
            told = "it has too many formats, names or links: copy the list into a new workbook"
            raise invalid_payload("body", "too_large", told)

    def read_strings(self) -> None:
        """Read the texts that cells share."""
        part = self._part(SHARED_STRINGS)
        if part is None:
            return
        with self.archive.open(part) as source:
            for _, element in iterparse(source):
                if element.tag == _SHARED:
                    self.shared_strings.append(_text(element).replace("x005F_", ""))
                    element.clear()

    def _part(self, kind: str) -> str | None:
        """Return the name of the part of a kind."""
        found = next((each for each in self.package.Override if each.ContentType == kind), None)
        return str(found.PartName)[1:] if found is not None else None

    def read_properties(self) -> None:
        """Pass by what a workbook says of itself."""

    def read_custom(self) -> None:
        """Pass by what others say of it."""

    def read_worksheets(self) -> None:
        """Find the sheets; each naming costs a look through the sheet.

        Raises:
            Unusable: they are too many, or one is named twice.

        """
        if len(self.parser.sheets) > MAX_SHEETS:
            told = f"a workbook has at most {MAX_SHEETS} sheets: send the one with the list alone"
            raise invalid_payload("body", "too_large", told)
        targets = [link.target for _, link in self.parser.find_sheets()]
        if len(set(targets)) < len(targets):
            raise invalid_payload("body", "not_xlsx", "two sheets of it are one: open it and save it again")
        super().read_worksheets()

    def read_chartsheet(self, sheet: Any, rel: Any) -> None:
        """Pass a chart by: it holds no list."""


class _RowParser(WorkSheetParser):
    """Reads rows as they stand in the file, whatever size the sheet says it has, and nothing behind them."""

    def parse_formula(self, element: Any) -> str:  # noqa: ARG002 - the parser's protocol
        """Return that it is one: what it says is not asked, and a shared one is dear to work out for each cell."""
        return "="

    def parse_cell(self, element: Any) -> dict[str, Any]:
        """Read a cell; a text in it is told as one that a formula made, which needs no objects."""
        inline = element.find(INLINE_STRING) if element.get("t") == "inlineStr" else None
        if inline is not None:
            element.set("t", "str")
            told = SubElement(element, VALUE_TAG)
            told.text = _text(inline)
        cell: dict[str, Any] = super().parse_cell(element)
        return cell

    def iterate_rows(self) -> Iterator[list[dict[str, Any]]]:
        """Return the cells that are there, row by row."""
        for _, element in iterparse(self.source):
            if element.tag == ROW_TAG:
                _, cells = self.parse_row(element)
                element.clear()
                yield cells
            elif element.tag == DATA_TAG:
                return


def open_workbook(file: BinaryIO) -> Any:
    """Open a workbook of openpyxl's.

    Raises:
        Unusable: it is none, or would unpack to too much.

    """
    start = file.read(4)
    file.seek(0)
    if not start:
        raise invalid_payload("body", "empty", "the file is empty")
    if not start.startswith(b"PK"):
        raise invalid_payload("body", "not_xlsx", "this is no XLSX, whatever its name: open it and save it as XLSX")
    with translate_errors():
        with zipfile.ZipFile(file) as packed:
            unpacked = sum(each.file_size for each in packed.infolist())
        size = file.seek(0, 2)
        file.seek(0)
        if unpacked > MAX_UNPACKED_BYTES:
            raise invalid_payload(
                "body", "too_large", f"unpacked it has more than {MAX_UNPACKED_BYTES >> 20} MiB: cut the list in two"
            )
        if unpacked > MAX_EXPANSION * size:
            told = f"unpacked it has more than {MAX_EXPANSION} times its size: copy the list into a new workbook"
            raise invalid_payload("body", "too_large", told)
        reader = _WorkbookReader(file, read_only=True, keep_links=False)
        reader.read()
        return reader.wb


@contextlib.contextmanager
def translate_errors() -> Iterator[None]:
    """Say of a workbook that cannot be read what to do, whatever stumbles over it.

    A workbook is an archive of XML documents, and what reads it is not made for hostile ones: it fails in many ways.

    Raises:
        Unusable: it cannot be read.

    """
    try:
        yield
    except (InvalidPayload, GeneratorExit):
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError):
        raise invalid_payload("body", "truncated", "the file is not whole: send it again") from None
    except Exception as error:
        told = f"this XLSX cannot be read ({type(error).__name__}): open it and save it again"
        raise invalid_payload("body", "not_xlsx", told) from error


def iterate_rows(sheet: Any) -> Iterator[list[ReadOnlyCell]]:
    """Return the cells of each row that say something; rows without any are left out."""
    book = sheet.parent
    # openpyxl's own way through a sheet makes rows and columns that are not there, up to the size that it claims.
    with sheet._get_source() as source:  # noqa: SLF001
        reader = _RowParser(
            source,
            sheet._shared_strings,  # noqa: SLF001
            epoch=book.epoch,
            date_formats=book._date_formats,  # noqa: SLF001
            timedelta_formats=book._timedelta_formats,  # noqa: SLF001
        )
        for cells in reader.iterate_rows():
            filled = [each for each in cells if each["value"] is not None and str(each["value"]).strip()]
            if filled:
                yield [ReadOnlyCell(sheet, **each) for each in filled]


def cell_value(cell: ReadOnlyCell) -> Any:
    """Return what a cell says, as JSON can tell it: a day alone without a time."""
    told = cell.value
    if isinstance(told, datetime):
        alone = told.time() == time(0) and not _TIME_IN_FORMAT.search(cell.number_format or "")
        return told.date().isoformat() if alone else told.isoformat(sep=" ")
    if isinstance(told, float) and told.is_integer() and abs(told) < 10**15:
        return int(told)
    if isinstance(told, int | float | bool):
        return told
    return str(told)
