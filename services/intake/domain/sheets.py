"""Reads the rows of untrusted XLSX workbooks with bounded time and memory.

A workbook is a ZIP archive of XML files, so a small one can unpack to gigabytes. openpyxl is used with its costly parts
replaced.
"""

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
"""Bytes of an unpacked workbook: some seconds of reading."""
MAX_EXPANSION = 100
"""Largest ratio of unpacked to packed size: real lists have 5 to 20, ZIP bombs up to 1000."""
MAX_SHEETS = 100
"""Sheets of a workbook."""
MAX_METADATA_BYTES = 2 * 1024 * 1024
"""Bytes of what is neither a sheet nor a shared text: formats, names, links."""
_METADATA_PARTS = frozenset({"[Content_Types].xml", "xl/styles.xml"})
_SHARED, _TEXT, _RUN = (f"{{{SHEET_MAIN_NS}}}{name}" for name in ("si", "t", "r"))
_TIME_IN_FORMAT = re.compile(r"h|s|AM/PM", re.IGNORECASE)


def _text(element: Any) -> str:
    """Return a shared or inline text without its formatting and phonetic hints."""
    texts = (child.find(_TEXT) if child.tag == _RUN else child for child in element if child.tag in {_TEXT, _RUN})
    return "".join(text.text or "" for text in texts if text is not None)


class _WorkbookReader(ExcelReader):
    """Opens a workbook without building objects for parts that a list does not need, as openpyxl would."""

    def read_manifest(self) -> None:
        """Read the list of parts.

        Raises:
            InvalidPayload: the parts that are neither sheets nor shared texts are too large.

        """
        sizes = {entry.filename: entry.file_size for entry in self.archive.infolist()}
        metadata = sum(size for name, size in sizes.items() if name in _METADATA_PARTS or name.endswith(".rels"))
        if metadata <= MAX_METADATA_BYTES:
            super().read_manifest()
            parts = [self._part(kind) for kind in (XLTM, XLTX, XLSM, XLSX)]
            metadata += sum(sizes.get(part, 0) for part in {*parts, ARC_WORKBOOK} if part is not None)
        if metadata > MAX_METADATA_BYTES:
            message = "the workbook has too many formats, names or links: copy the list into a new workbook"
            raise invalid_payload("body", "too_large", message)

    def read_strings(self) -> None:
        """Read the table of shared texts."""
        part = self._part(SHARED_STRINGS)
        if part is None:
            return
        with self.archive.open(part) as source:
            for _, element in iterparse(source):
                if element.tag == _SHARED:
                    self.shared_strings.append(_text(element).replace("x005F_", ""))
                    element.clear()

    def _part(self, kind: str) -> str | None:
        """Return the name of the first part of a content type, None when there is none."""
        override = next((entry for entry in self.package.Override if entry.ContentType == kind), None)
        return str(override.PartName)[1:] if override is not None else None

    def read_properties(self) -> None:
        """Skip the document properties."""

    def read_custom(self) -> None:
        """Skip the custom properties."""

    def read_worksheets(self) -> None:
        """Find the sheets.

        Each entry costs one pass through its sheet, so their number is bounded and none may be listed twice.

        Raises:
            InvalidPayload: there are too many sheets, or one is listed twice.

        """
        if len(self.parser.sheets) > MAX_SHEETS:
            message = f"the workbook has more than {MAX_SHEETS} sheets: send only the one with the list"
            raise invalid_payload("body", "too_large", message)
        targets = [link.target for _, link in self.parser.find_sheets()]
        if len(set(targets)) < len(targets):
            raise invalid_payload(
                "body", "not_xlsx", "two entries of the workbook are the same sheet: open it and save it again"
            )
        super().read_worksheets()

    def read_chartsheet(self, sheet: Any, rel: Any) -> None:
        """Skip a chart: it holds no list."""


class _RowParser(WorkSheetParser):
    """Parses the rows that are in the file, ignoring the size that the sheet claims, and nothing behind them."""

    def parse_formula(self, element: Any) -> str:  # noqa: ARG002 - the parser's protocol
        """Mark the cell as a formula without parsing it: translating a shared formula for every cell is costly."""
        return "="

    def parse_cell(self, element: Any) -> dict[str, Any]:
        """Parse a cell; an inline text is read like the text of a formula, which needs no rich-text objects."""
        inline = element.find(INLINE_STRING) if element.get("t") == "inlineStr" else None
        if inline is not None:
            element.set("t", "str")
            value = SubElement(element, VALUE_TAG)
            value.text = _text(inline)
        cell: dict[str, Any] = super().parse_cell(element)
        return cell

    def iterate_rows(self) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """Yield the number and the cells of each row that is in the file."""
        for _, element in iterparse(self.source):
            if element.tag == ROW_TAG:
                number, cells = self.parse_row(element)
                element.clear()
                yield number, cells
            elif element.tag == DATA_TAG:
                return


def open_workbook(file: BinaryIO) -> Any:
    """Open a workbook with openpyxl and return it.

    Raises:
        InvalidPayload: the file is no workbook, is cut, or would unpack to too much.

    """
    start = file.read(4)
    file.seek(0)
    if not start:
        raise invalid_payload("body", "empty", "the file is empty")
    if not start.startswith(b"PK"):
        raise invalid_payload(
            "body", "not_xlsx", "this is not an XLSX file, whatever its name: open it and save it as XLSX"
        )
    with translate_errors():
        with zipfile.ZipFile(file) as packed:
            unpacked = sum(entry.file_size for entry in packed.infolist())
        size = file.seek(0, 2)
        file.seek(0)
        if unpacked > MAX_UNPACKED_BYTES:
            raise invalid_payload(
                "body", "too_large", f"unpacked it is larger than {MAX_UNPACKED_BYTES >> 20} MiB: split the list in two"
            )
        if unpacked > MAX_EXPANSION * size:
            message = f"unpacked it is more than {MAX_EXPANSION} times its size: copy the list into a new workbook"
            raise invalid_payload("body", "too_large", message)
        reader = _WorkbookReader(file, read_only=True, keep_links=False)
        reader.read()
        return reader.wb


@contextlib.contextmanager
def translate_errors() -> Iterator[None]:
    """Turn whatever fails while a workbook is read into an error that says what to do.

    The libraries below are not made for hostile input and fail in many ways, so every exception is caught.

    Raises:
        InvalidPayload: the workbook cannot be read.

    """
    try:
        yield
    except (InvalidPayload, GeneratorExit):
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError):
        raise invalid_payload("body", "truncated", "the file is incomplete: send it again") from None
    except Exception as error:
        message = f"this XLSX file cannot be read ({type(error).__name__}): open it and save it again"
        raise invalid_payload("body", "not_xlsx", message) from error


def iterate_rows(sheet: Any) -> Iterator[tuple[int, list[ReadOnlyCell]]]:
    """Yield the number of each row that is in the file, and its cells with a value."""
    book = sheet.parent
    # openpyxl's own iteration creates missing rows and columns up to the size that the sheet claims.
    with sheet._get_source() as source:  # noqa: SLF001
        reader = _RowParser(
            source,
            sheet._shared_strings,  # noqa: SLF001
            epoch=book.epoch,
            date_formats=book._date_formats,  # noqa: SLF001
            timedelta_formats=book._timedelta_formats,  # noqa: SLF001
        )
        for number, cells in reader.iterate_rows():
            filled = [cell for cell in cells if cell["value"] is not None and str(cell["value"]).strip()]
            yield number, [ReadOnlyCell(sheet, **cell) for cell in filled]


def cell_value(cell: ReadOnlyCell) -> Any:
    """Return the value of a cell as a JSON value; a date that is formatted without a time is a day."""
    value = cell.value
    if isinstance(value, datetime):
        is_day = value.time() == time(0) and not _TIME_IN_FORMAT.search(cell.number_format or "")
        return value.date().isoformat() if is_day else value.isoformat(sep=" ")
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**15:
        return int(value)
    if isinstance(value, int | float | bool):
        return value
    return str(value)
