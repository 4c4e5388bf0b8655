"""From a file to its messages, one after the other: tables become an object for each row, mailboxes a mail for each."""

import csv
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from typing import Any, BinaryIO

from services.intake.domain import sheets
from services.intake.domain.decoding import LineDecoder, has_undecodable_bytes, open_text
from services.intake.domain.fields import InputError, clean, invalid_payload
from services.intake.domain.mapping import SINCE_1904

JSON = "application/json"
NDJSON = "application/x-ndjson"
CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAIL = "message/rfc822"
MBOX = "application/mbox"
MAX_CELL_LENGTH = 200_000
_TOTAL_LABELS = ("合计", "总计", "小计", "以下空白", "total")
_DATA_ROW_CELLS = 3
"""Cells from which a row without an id is a row with a fault, not a remark below the table."""
_HEADER_SEARCH_ROWS = 50


@dataclass(frozen=True, slots=True)
class MessagePart:
    """One message of a file.

    Attributes:
        line: its line or row.
        body: its bytes; of a row that is no whole one, what there is.
        media_type: of the body.
        error: what is wrong with it as a part of the file.
        original: its bytes in the file, where the body does not hold them all.

    """

    line: int
    body: bytes
    media_type: str
    error: InputError | None = None
    original: bytes | None = None


def split(
    file: BinaryIO, media_type: str, *, ids: Iterable[str] = (), charset: str | None = None
) -> Iterator[MessagePart] | None:
    """Return the messages of a file as they are read, or None when the file is one message.

    Args:
        file: the file.
        media_type: of the file.
        ids: names of columns that hold a row's id, by which the header of a sheet is known.
        charset: of a table; None finds out.

    Raises:
        Unusable: nothing of it can be read.

    """
    kind = media_type.partition(";")[0].strip().lower()
    if kind == CSV:
        return _split_csv(file, charset or _charset(media_type))
    if kind == NDJSON:
        return _split_ndjson(file)
    if kind == XLSX:
        return _split_workbook(file, set(ids))
    if kind == MBOX:
        return _split_mbox(file)
    return None


def _charset(media_type: str) -> str | None:
    found = re.search(r"charset=([^;]*)", media_type, re.IGNORECASE)
    return found[1] if found else None


def _encode_object(told: dict[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")


def _split_csv(file: BinaryIO, charset: str | None) -> Iterator[MessagePart]:
    text = open_text(file, charset)
    csv.field_size_limit(MAX_CELL_LENGTH)
    lines = LineDecoder(text)
    reader = csv.reader(lines, strict=True)
    try:
        names = next(reader)
    except StopIteration:
        text.detach()
        raise invalid_payload("body", "empty", "the file is empty: its first line has to name the columns") from None
    except csv.Error:
        text.detach()
        raise invalid_payload("body", "bad_syntax", "this is no table in CSV: save it as CSV in UTF-8") from None
    if any(has_undecodable_bytes(each) for each in names):
        text.detach()
        told = "the line that names the columns cannot be decoded: save the file as UTF-8 or GB18030"
        raise invalid_payload("body", "bad_encoding", told)
    return _detach_after(text, _csv_rows(lines, reader, [clean(each).strip() for each in names]))


def _detach_after(text: TextIOWrapper, pieces: Iterator[MessagePart]) -> Iterator[MessagePart]:
    """Leave the file open for its owner when its text has been read."""
    try:
        yield from pieces
    finally:
        text.detach()


def _csv_rows(lines: LineDecoder, reader: Any, names: list[str]) -> Iterator[MessagePart]:
    while True:
        at = reader.line_num + 1
        lines.start_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cut = "unexpected end" in str(error)
            told = "the file ends inside a quoted cell" if cut else "this line is no CSV: check its quotes"
            yield MessagePart(
                at, lines.row_bytes(), CSV, InputError("line", "truncated" if cut else "bad_syntax", told)
            )
            if cut:
                return
            continue
        if not any(cells):
            continue
        row = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if name}
        fault = _row_error(cells, names)
        yield MessagePart(at, _encode_object(clean(row)), JSON, fault, lines.row_bytes() if fault is not None else None)


def _row_error(cells: list[str], names: list[str]) -> InputError | None:
    """Return what is wrong with a row as a row."""
    bad = next((number for number, cell in enumerate(cells) if has_undecodable_bytes(cell)), None)
    if bad is not None:
        name = names[bad] if bad < len(names) else ""
        return InputError(name or "line", "bad_encoding", "a character of it cannot be decoded: write this cell anew")
    if len(cells) == len(names):
        return None
    reason = "truncated" if len(cells) < len(names) else "bad_schema"
    return InputError("line", reason, f"the line has {len(cells)} cells, the table has {len(names)} columns")


def _split_ndjson(file: BinaryIO) -> Iterator[MessagePart]:
    for at, line in enumerate(file, start=1):
        if line.strip():
            yield _parse_record(at, line)


def _parse_record(at: int, line: bytes) -> MessagePart:
    """Return a line's message: of a record that a broker's tool printed, with topic and payload, the value."""
    if b'"payload"' not in line or b'"topic"' not in line:
        return MessagePart(at, line, JSON)
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return MessagePart(at, line, JSON)
    if not isinstance(told, dict) or not {"topic", "partition", "payload"} <= told.keys():
        return MessagePart(at, line, JSON)
    payload = told["payload"]
    if payload is None or payload == "":
        return MessagePart(at, line, JSON, InputError("payload", "empty", "the record has no value: leave it out"))
    return MessagePart(at, payload.encode("utf-8", "replace") if isinstance(payload, str) else line, JSON)


def _split_workbook(file: BinaryIO, ids: set[str]) -> Iterator[MessagePart]:
    book = sheets.open_workbook(file)
    with sheets.translate_errors():
        for sheet in book.worksheets:
            rows = sheets.iterate_rows(sheet)
            names = _find_header(rows, ids)
            if names is not None:
                return _rows_below(rows, names, ids, since_1904=book.epoch.year == 1904)  # noqa: PLR2004 - the other system
    wanted = " or ".join(sorted(ids))
    raise invalid_payload("body", "bad_schema", f"no sheet has a row of names with {wanted}: check the list's columns")


def _find_header(rows: Iterator[list[Any]], ids: set[str]) -> dict[int, str] | None:
    """Read down to the row of names and return the names by column."""
    for row in itertools.islice(rows, _HEADER_SEARCH_ROWS):
        named = {cell.column: str(cell.value).strip() for cell in row}
        if ids & set(named.values()):
            return named
    return None


def _rows_below(
    rows: Iterator[list[Any]], names: dict[int, str], ids: set[str], *, since_1904: bool
) -> Iterator[MessagePart]:
    with sheets.translate_errors():
        yield from _read_rows(rows, names, ids, since_1904=since_1904)


def _read_rows(
    rows: Iterator[list[Any]], names: dict[int, str], ids: set[str], *, since_1904: bool
) -> Iterator[MessagePart]:
    for row in rows:
        told = {names[cell.column]: sheets.cell_value(cell) for cell in row if cell.column in names}
        if not ids & told.keys() and (
            len(row) < _DATA_ROW_CELLS or str(row[0].value).strip().lower().startswith(_TOTAL_LABELS)
        ):
            return
        if since_1904:
            told[SINCE_1904] = True
        formula = next((names.get(cell.column, "") for cell in row if cell.data_type == "f"), None)
        fault = None
        if formula is not None:
            fault = InputError(formula, "formula_cell", "write what the cell shows, not a formula")
        yield MessagePart(row[0].row, _encode_object(told), JSON, fault)


def _split_mbox(file: BinaryIO) -> Iterator[MessagePart]:
    """Read an mbox as it streams; a line of text that begins with From is quoted with > in it."""
    at, begun, lines = 1, False, list[bytes]()
    for number, line in enumerate(file, start=1):
        if line.startswith(b"From ") and (not begun or not lines or not lines[-1].strip()):
            if begun and any(each.strip() for each in lines):
                yield MessagePart(at, b"".join(lines), MAIL)
            at, begun, lines = number, True, []
        elif begun:
            lines.append(line[1:] if re.match(rb">+From ", line) else line)
    if begun and any(each.strip() for each in lines):
        yield MessagePart(at, b"".join(lines), MAIL)
    elif not begun:
        raise invalid_payload("body", "bad_syntax", "this is no mailbox: its first line begins with `From `")
