"""Splits a CSV file, as office programs and exports write it, into its rows.

Delimiter, charset and title lines above the header are found out. A damaged row becomes a part with an error, so that
it does not spoil the other rows (R2.5).
"""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import TextIOWrapper
from typing import BinaryIO

from services.intake.domain.decoding import LineDecoder, has_undecodable_bytes, open_text
from services.intake.domain.fields import InputError, InvalidPayload, clean, invalid_payload
from services.intake.domain.message_parts import CSV, JSON, MessagePart
from services.intake.domain.row_list import HEADER_SEARCH_ROWS, JudgedRow, RowList

MAX_CELL_LENGTH = 200_000
"""Characters of a CSV cell."""
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class _CsvRow:
    """A row as it stands in the file; `error`: why it could not be taken apart."""

    line: int
    cells: list[str]
    content: bytes
    error: InputError | None = None


def split_csv(
    file: BinaryIO, charset: str | None, ids: Iterable[str], delivered: Counter[str]
) -> Iterator[MessagePart]:
    """Split a CSV file into its rows lazily.

    Args:
        file: the file, which stays open.
        charset: as the sender names it; None: it is detected.
        ids: names of columns that may hold a message id; empty: the first row that is not empty is the header.
        delivered: counts the rows as they are read.

    Raises:
        InvalidPayload: nothing of the file can be read.

    """
    csv.field_size_limit(MAX_CELL_LENGTH)
    text = open_text(file, charset)
    lines = LineDecoder(text)
    wanted = frozenset(ids)
    try:
        delimiter = _find_delimiter(lines.peek(HEADER_SEARCH_ROWS), wanted)
    except InvalidPayload:
        text.detach()
        raise
    return _detach_after(text, _parts(_read_rows(lines, delimiter, delivered), RowList(wanted)))


def _detach_after(text: TextIOWrapper, parts: Iterator[MessagePart]) -> Iterator[MessagePart]:
    """Detach the text from its file in the end, so that the file stays open for its owner."""
    try:
        yield from parts
    finally:
        text.detach()


def _find_delimiter(head: list[str], ids: frozenset[str]) -> str:
    """Return the delimiter by which a header is found, or that parts the first row into the most cells.

    Raises:
        InvalidPayload: the file is empty, or no row names the columns.

    """
    if not any(line.strip() for line in head):
        raise invalid_payload("body", "empty", "the file is empty: its first line must name the columns")
    headers = {delimiter: _find_header(head, delimiter, ids) for delimiter in _DELIMITERS}
    delimiter = max(_DELIMITERS, key=lambda each: len(headers[each]))
    if headers[delimiter]:
        if any(map(has_undecodable_bytes, headers[delimiter])):
            raise _undecodable_header()
        return delimiter
    if has_undecodable_bytes(head[0]):
        raise _undecodable_header()
    if not ids or '"' in head[0]:
        raise invalid_payload("body", "bad_syntax", "this is not a CSV file: save it as CSV in UTF-8")
    wanted = " or ".join(sorted(ids))
    advice = f"none of the first {HEADER_SEARCH_ROWS} lines names a column {wanted}: check the column names"
    raise invalid_payload("body", "bad_schema", advice)


def _undecodable_header() -> InvalidPayload:
    advice = "the line that names the columns cannot be decoded: save the file as UTF-8 or GB18030"
    return invalid_payload("body", "bad_encoding", advice)


def _find_header(head: list[str], delimiter: str, ids: frozenset[str]) -> list[str]:
    """Return the cells of the header when the file has this delimiter; empty: there is none."""
    reader = csv.reader(iter(head), delimiter=delimiter, strict=True)
    while True:
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return []
        except csv.Error:
            if not ids:
                return []
            continue
        if not ids.isdisjoint(map(clean, cells)) if ids else any(cells):
            return cells


def _read_rows(lines: LineDecoder, delimiter: str, delivered: Counter[str]) -> Iterator[tuple[_CsvRow, dict[int, str]]]:
    """Yield each row with its filled cells by number; the cells of a row that cannot be taken apart are one text."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        lines.start_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            delivered[""] += 1
            content = lines.row_bytes()
            cut = "unexpected end" in str(error)
            message = (
                "the file ends inside a quoted cell: send all of it" if cut else "not CSV: check the line's quotes"
            )
            damage = InputError("line", "truncated" if cut else "bad_syntax", message)
            yield _CsvRow(line, [], content, damage), {}
            if cut:
                return
            continue
        delivered[""] += 1
        filled = {number: text for number, cell in enumerate(cells) if (text := clean(cell).strip())}
        yield _CsvRow(line, cells, lines.row_bytes(), None), filled


def _parts(rows: Iterator[tuple[_CsvRow, Mapping[int, str]]], table: RowList) -> Iterator[MessagePart]:
    width = 0
    for judged in table.judge(rows):
        if judged.kept == "header":
            width = len(judged.row.cells)
        yield _part(judged, width)


def _part(judged: JudgedRow[_CsvRow], width: int) -> MessagePart:
    row = judged.row
    if row.error is not None:
        return MessagePart(row.line, row.content, CSV, row.error)
    if judged.kept is not None:
        return MessagePart(row.line, row.content, CSV, kept=judged.kept)
    cells = {name: row.cells[number].strip() for number, name in judged.names.items() if number < len(row.cells)}
    error = _row_error(row.cells, judged.names, width) or judged.error
    body = json.dumps(clean(cells), ensure_ascii=False).encode("utf-8", "replace")
    return MessagePart(row.line, body, JSON, error, row.content if error is not None else None)


def _row_error(cells: list[str], names: Mapping[int, str], width: int) -> InputError | None:
    """Return what is wrong with a row: an undecodable cell or a wrong number of cells."""
    bad = next((number for number, cell in enumerate(cells) if has_undecodable_bytes(cell)), None)
    if bad is not None:
        advice = "a character of this cell cannot be decoded: type it again"
        return InputError(names.get(bad, "line"), "bad_encoding", advice)
    if len(cells) == width:
        return None
    reason = "truncated" if len(cells) < width else "bad_schema"
    return InputError("line", reason, f"the line has {len(cells)} cells for {width} columns: correct it")
