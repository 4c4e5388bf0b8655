"""Splits a file into its messages as a stream: a JSON object per row of a CSV or XLSX file, mails of an mbox, lines.

A row that is damaged becomes a part with an error, so that it does not spoil the other rows (R2.5).
"""

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
"""Characters of a CSV cell."""
_TOTAL_LABELS = ("合计", "总计", "小计", "以下空白", "total")
"""How the rows below the end of a list begin: totals and "blank below"."""
_DATA_ROW_CELLS = 3
"""Cells from which a row without an id counts as a faulty row, not as a remark below the list."""
_HEADER_SEARCH_ROWS = 50
"""Rows of a sheet in which its header may be."""


@dataclass(frozen=True, slots=True)
class MessagePart:
    """One message of a file.

    Attributes:
        line: line or row in the file where it starts.
        body: the message; for a damaged row, what could be read of it.
        media_type: media type of the body.
        error: what is wrong with it as a part of the file; None: nothing.
        original: its bytes in the file; None: the body holds them all.

    """

    line: int
    body: bytes
    media_type: str
    error: InputError | None = None
    original: bytes | None = None


def split(
    file: BinaryIO, media_type: str, *, ids: Iterable[str] = (), charset: str | None = None
) -> Iterator[MessagePart] | None:
    """Split a file into its messages lazily; None when the file is a single message.

    Args:
        file: the file, which stays open.
        media_type: media type of the file.
        ids: names of columns that may hold a message id, by which the header row of a sheet is recognised.
        charset: charset of a CSV file; None: from the media type, else detected.

    Raises:
        InvalidPayload: nothing of the file can be read. May be raised during iteration.

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
    parameter = re.search(r"charset=([^;]*)", media_type, re.IGNORECASE)
    return parameter[1] if parameter else None


def _encode_object(row: dict[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "replace")


def _split_csv(file: BinaryIO, charset: str | None) -> Iterator[MessagePart]:
    text = open_text(file, charset)
    csv.field_size_limit(MAX_CELL_LENGTH)
    lines = LineDecoder(text)
    reader = csv.reader(lines, strict=True)
    try:
        names = next(reader)
    except StopIteration:
        text.detach()
        raise invalid_payload("body", "empty", "the file is empty: its first line must name the columns") from None
    except csv.Error:
        text.detach()
        raise invalid_payload("body", "bad_syntax", "this is not a CSV file: save it as CSV in UTF-8") from None
    if any(has_undecodable_bytes(name) for name in names):
        text.detach()
        message = "the line that names the columns cannot be decoded: save the file as UTF-8 or GB18030"
        raise invalid_payload("body", "bad_encoding", message)
    return _detach_after(text, _csv_rows(lines, reader, [clean(name).strip() for name in names]))


def _detach_after(text: TextIOWrapper, parts: Iterator[MessagePart]) -> Iterator[MessagePart]:
    """Detach the text from its file in the end, so that the file stays open for its owner."""
    try:
        yield from parts
    finally:
        text.detach()


def _csv_rows(lines: LineDecoder, reader: Any, names: list[str]) -> Iterator[MessagePart]:
    while True:
        line = reader.line_num + 1
        lines.start_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cut = "unexpected end" in str(error)
            message = (
                "the file ends inside a quoted cell: send all of it" if cut else "not CSV: check the line's quotes"
            )
            row_error = InputError("line", "truncated" if cut else "bad_syntax", message)
            yield MessagePart(line, lines.row_bytes(), CSV, row_error)
            if cut:
                return
            continue
        if not any(cells):
            continue
        row = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if name}
        problem = _row_error(cells, names)
        original = lines.row_bytes() if problem is not None else None
        yield MessagePart(line, _encode_object(clean(row)), JSON, problem, original)


def _row_error(cells: list[str], names: list[str]) -> InputError | None:
    """Return what is wrong with a row: an undecodable cell or a wrong number of cells."""
    bad = next((number for number, cell in enumerate(cells) if has_undecodable_bytes(cell)), None)
    if bad is not None:
        name = names[bad] if bad < len(names) else ""
        return InputError(name or "line", "bad_encoding", "a character of this cell cannot be decoded: type it again")
    if len(cells) == len(names):
        return None
    reason = "truncated" if len(cells) < len(names) else "bad_schema"
    return InputError("line", reason, f"the line has {len(cells)} cells for {len(names)} columns: correct it")


def _split_ndjson(file: BinaryIO) -> Iterator[MessagePart]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield _parse_line(number, line)


def _parse_line(number: int, line: bytes) -> MessagePart:
    """Return the message of a line; for a record dumped by a Kafka tool, with topic and payload, its value."""
    if b'"payload"' not in line or b'"topic"' not in line:
        return MessagePart(number, line, JSON)
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return MessagePart(number, line, JSON)
    if not isinstance(record, dict) or not {"topic", "partition", "payload"} <= record.keys():
        return MessagePart(number, line, JSON)
    payload = record["payload"]
    if payload is None or payload == "":
        return MessagePart(number, line, JSON, InputError("payload", "empty", "the record has no value: leave it out"))
    return MessagePart(number, payload.encode("utf-8", "replace") if isinstance(payload, str) else line, JSON)


def _split_workbook(file: BinaryIO, ids: set[str]) -> Iterator[MessagePart]:
    book = sheets.open_workbook(file)
    with sheets.translate_errors():
        for sheet in book.worksheets:
            rows = sheets.iterate_rows(sheet)
            names = _find_header(rows, ids)
            if names is not None:
                return _rows_below(rows, names, ids, since_1904=book.epoch.year == 1904)  # noqa: PLR2004 - the other date system
    wanted = " or ".join(sorted(ids))
    raise invalid_payload("body", "bad_schema", f"no sheet has a header row with {wanted}: check the column names")


def _find_header(rows: Iterator[list[Any]], ids: set[str]) -> dict[int, str] | None:
    """Read up to the header row and return its names by column number, None when there is no header."""
    for row in itertools.islice(rows, _HEADER_SEARCH_ROWS):
        names = {cell.column: str(cell.value).strip() for cell in row}
        if ids & set(names.values()):
            return names
    return None


def _rows_below(
    rows: Iterator[list[Any]], names: dict[int, str], ids: set[str], *, since_1904: bool
) -> Iterator[MessagePart]:
    """Yield the rows below the header; an error while reading them becomes InvalidPayload."""
    with sheets.translate_errors():
        yield from _read_rows(rows, names, ids, since_1904=since_1904)


def _read_rows(
    rows: Iterator[list[Any]], names: dict[int, str], ids: set[str], *, since_1904: bool
) -> Iterator[MessagePart]:
    for row in rows:
        values = {names[cell.column]: sheets.cell_value(cell) for cell in row if cell.column in names}
        if not ids & values.keys() and (
            len(row) < _DATA_ROW_CELLS or str(row[0].value).strip().lower().startswith(_TOTAL_LABELS)
        ):
            return
        if since_1904:
            values[SINCE_1904] = True
        formula = next((names.get(cell.column, "") for cell in row if cell.data_type == "f"), None)
        error = None
        if formula is not None:
            error = InputError(formula, "formula_cell", "write the value that the cell shows, not a formula")
        yield MessagePart(row[0].row, _encode_object(values), JSON, error)


def _split_mbox(file: BinaryIO) -> Iterator[MessagePart]:
    """Split an mbox as it streams; a line of a mail's text that begins with `From ` is quoted with `>` in it."""
    first_line, started, lines = 1, False, list[bytes]()
    for number, line in enumerate(file, start=1):
        if line.startswith(b"From ") and (not started or not lines or not lines[-1].strip()):
            if started and any(map(bytes.strip, lines)):
                yield MessagePart(first_line, b"".join(lines), MAIL)
            first_line, started, lines = number, True, []
        elif started:
            lines.append(line[1:] if re.match(rb">+From ", line) else line)
    if started and any(map(bytes.strip, lines)):
        yield MessagePart(first_line, b"".join(lines), MAIL)
    elif not started:
        raise invalid_payload("body", "bad_syntax", "this is not an mbox file: its first line must begin with `From `")
