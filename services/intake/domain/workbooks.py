"""Splits a workbook into its rows: every row of every sheet, below whatever header that sheet has."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from openpyxl.cell.read_only import ReadOnlyCell

from services.intake.domain import sheets
from services.intake.domain.fields import InputError, invalid_payload
from services.intake.domain.mapping import SINCE_1904
from services.intake.domain.message_parts import JSON, MessagePart
from services.intake.domain.row_list import JudgedRow, RowList

_SheetRow = tuple[int, list[ReadOnlyCell]]


def split_workbook(file: BinaryIO, ids: Iterable[str], delivered: Counter[str]) -> Iterator[MessagePart]:
    """Split a workbook into its rows lazily.

    Args:
        file: the file, which stays open.
        ids: names of columns that may hold a message id; empty: a sheet's first row that is not empty is its header.
        delivered: counts the rows as they are read, by sheet.

    Raises:
        InvalidPayload: nothing of the file can be read. May be raised during iteration.

    """
    return _sheets(sheets.open_workbook(file), frozenset(ids), delivered)


def _sheets(book: Any, ids: frozenset[str], delivered: Counter[str]) -> Iterator[MessagePart]:
    found = False
    with sheets.translate_errors():
        since_1904 = book.epoch.year == 1904  # noqa: PLR2004 - the other date system
        for sheet in book.worksheets:
            table = RowList(ids)
            for judged in table.judge(_rows(sheet, delivered)):
                yield _part(judged, sheet.title, since_1904=since_1904)
            found = found or table.has_header
    if not found:
        wanted = " or ".join(sorted(ids))
        raise invalid_payload("body", "bad_schema", f"no sheet has a header row with {wanted}: check the column names")


def _rows(sheet: Any, delivered: Counter[str]) -> Iterator[tuple[_SheetRow, dict[int, str]]]:
    for number, cells in sheets.iterate_rows(sheet):
        delivered[sheet.title] += 1
        yield (number, cells), {cell.column: str(cell.value).strip() for cell in cells}


def _part(judged: JudgedRow[_SheetRow], sheet: str, *, since_1904: bool) -> MessagePart:
    number, cells = judged.row
    if judged.kept is not None:
        return MessagePart(number, b"", JSON, kept=judged.kept, sheet=sheet)
    # Without a header, the columns have their numbers for names.
    names = judged.names or {cell.column: str(cell.column) for cell in cells}
    values = {names[cell.column]: sheets.cell_value(cell) for cell in cells if cell.column in names}
    if since_1904:
        values[SINCE_1904] = True
    formula = next((names.get(cell.column, "") for cell in cells if cell.data_type == "f"), None)
    error = judged.error
    if formula is not None:
        error = InputError(formula, "formula_cell", "write the value that the cell shows, not a formula")
    body = json.dumps(values, ensure_ascii=False).encode("utf-8", "replace")
    return MessagePart(number, body, JSON, error, sheet=sheet)
