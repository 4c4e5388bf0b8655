"""Reports of the refused messages of a file, in its own format with the reasons, so that they can be corrected."""

import csv
import itertools
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from services.intake.domain.message_parts import CSV, JSON, MAIL, MBOX, XLSX, MessagePart

NOTES = ("_row", "_field", "_reason", "_what_to_do")
"""Columns in front of those of a refused message; they are removed when the report is imported."""
LINE, TYPE = "_line", "_type"
"""Fields that hold a message that is no JSON object, and its media type."""
HEADER = b"X-Refused: "
"""Header in front of a refused mail."""
LONGEST_HEADER = 900
"""Bytes; a line of a mail may have at most 998."""
_FORMULA_STARTS = ("=", "+", "-", "@")
_FROM_LINE = re.compile(rb"^(?=>*From )", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RejectReason:
    """One reason why a message was refused, with the field and what to do."""

    field: str
    reason: str
    what_to_do: str


@dataclass(frozen=True, slots=True)
class RejectedMessage:
    """A refused message with the reasons."""

    part: MessagePart
    reasons: Sequence[RejectReason]

    def notes(self) -> dict[str, str]:
        """Return the columns in front of it: row, fields, reasons and what to do."""
        fields = dict.fromkeys(entry.field for entry in self.reasons)
        reasons = dict.fromkeys(entry.reason for entry in self.reasons)
        advice = dict.fromkeys(
            f"{entry.field}: {entry.what_to_do}" if len(fields) > 1 else entry.what_to_do for entry in self.reasons
        )
        return dict(zip(NOTES, (self._place(), ",".join(fields), ",".join(reasons), "; ".join(advice)), strict=True))

    def _place(self) -> str:
        """Return the row, in a workbook with its sheet, as spreadsheets write it."""
        return _escape_formula(f"{self.part.sheet}!{self.part.line}") if self.part.sheet else str(self.part.line)


class RejectReport(ABC):
    """The report of the refused messages of one file, written beside it.

    Attributes:
        path: of the report; it exists only once a message was refused.

    """

    suffix: str

    def __init__(self, file: Path) -> None:
        self.path = file.with_name(f"{file.name}.refused.{self.suffix}")

    def begin(self, count: int) -> None:
        """Keep the first `count` messages, which earlier runs have counted, and drop what an interrupted run added."""
        if not count:
            self.path.unlink(missing_ok=True)
        elif self.path.exists():
            self._truncate(count)

    @abstractmethod
    def add(self, refused: Iterable[RejectedMessage]) -> None:
        """Append messages."""

    @abstractmethod
    def _truncate(self, count: int) -> None: ...


def report_for(file: Path, media_type: str, *, own_lines: bool) -> RejectReport:
    """Return the report for a file; `own_lines`: it has lines of a log, not columns, whatever its media type."""
    if own_lines:
        return NdjsonRejectReport(file)
    kinds: Mapping[str, type[RejectReport]] = {
        CSV: CsvRejectReport,
        XLSX: CsvRejectReport,
        MAIL: MboxRejectReport,
        MBOX: MboxRejectReport,
    }
    return kinds.get(media_type, NdjsonRejectReport)(file)


def strip_notes(part: MessagePart) -> MessagePart:
    """Return a message of a report without its notes, as it was in the original file."""
    if part.kept is not None or part.media_type != JSON or b'"_reason"' not in part.body:
        return part
    try:
        row = json.loads(part.body)
    except (ValueError, RecursionError):
        return part
    if not isinstance(row, dict) or not set(NOTES) <= row.keys():
        return part
    if isinstance(row.get(LINE), str) and isinstance(row.get(TYPE), str):
        return replace(part, body=row[LINE].encode("utf-8", "replace"), media_type=row[TYPE])
    rest = {name: value for name, value in row.items() if name not in NOTES}
    return replace(part, body=json.dumps(rest, ensure_ascii=False).encode("utf-8", "replace"))


class CsvRejectReport(RejectReport):
    """A CSV table: the notes, then every column of the refused rows."""

    suffix = "csv"

    def add(self, refused: Iterable[RejectedMessage]) -> None:
        """Append rows; a new name adds a column."""
        rows = [each.notes() | _cells(each.part) for each in refused]
        if not rows:
            return
        present = self._names()
        names = list(dict.fromkeys([*(present or NOTES), *(name for row in rows for name in row)]))
        if names != present:
            self._write(names, self._rows())
        with self.path.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, names, restval="").writerows(rows)

    def _truncate(self, count: int) -> None:
        self._write(self._names() or list(NOTES), itertools.islice(self._rows(), count))

    def _names(self) -> list[str] | None:
        if not self.path.exists():
            return None
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            return next(csv.reader(file), None)

    def _rows(self) -> Iterator[dict[str, str]]:
        if self.path.exists():
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                yield from csv.DictReader(file)

    def _write(self, names: list[str], rows: Iterable[Mapping[str, str]]) -> None:
        # With a byte order mark, by which spreadsheets recognise UTF-8.
        new = self.path.with_name(self.path.name + ".new")
        with new.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, names, restval="")
            writer.writeheader()
            writer.writerows(rows)
        new.replace(self.path)


class NdjsonRejectReport(RejectReport):
    """NDJSON: the notes are fields of the object; a message that is no object becomes a field of one."""

    suffix = "ndjson"

    def add(self, refused: Iterable[RejectedMessage]) -> None:
        """Append messages."""
        with self.path.open("ab") as file:
            file.writelines(_line(each) + b"\n" for each in refused)

    def _truncate(self, count: int) -> None:
        _truncate_file(self.path, count, lambda _: True)


class MboxRejectReport(RejectReport):
    """An mbox: the notes are a header of each mail."""

    suffix = "mbox"

    def add(self, refused: Iterable[RejectedMessage]) -> None:
        """Append mails."""
        with self.path.open("ab") as file:
            for mail in refused:
                notes = "; ".join(mail.notes().values()).encode("ascii", "backslashreplace")[:LONGEST_HEADER]
                file.write(b"From refused Thu Jan  1 00:00:00 1970\n" + HEADER + notes + b"\n")
                file.write(_FROM_LINE.sub(b">", mail.part.body).rstrip(b"\r\n") + b"\n\n")

    def _truncate(self, count: int) -> None:
        _truncate_file(self.path, count, lambda line: line.startswith(b"From "))


def _truncate_file(path: Path, count: int, starts_message: Callable[[bytes], bool]) -> None:
    """Truncate a report after its first `count` messages."""
    end = 0
    with path.open("r+b") as file:
        for line in file:
            count -= starts_message(line)
            if count < 0:
                file.truncate(end)
                return
            end += len(line)


def _json_object(part: MessagePart) -> dict[str, Any] | None:
    if part.media_type != JSON:
        return None
    try:
        row = json.loads(part.body)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _cells(part: MessagePart) -> dict[str, str]:
    """Return the cells of a row; a message that is no row becomes a single cell."""
    row = _json_object(part)
    if row is None:
        return {LINE: _escape_formula(part.body.decode("utf-8", "replace").rstrip())}
    return {name: "" if value is None else _escape_formula(str(value)) for name, value in row.items()}


def _escape_formula(cell: str) -> str:
    """Return a cell that no spreadsheet reads as a formula; the tab in front is removed when it is imported."""
    return f"\t{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def _line(refused: RejectedMessage) -> bytes:
    """Return a message with its notes on one line; an object is copied unchanged, not parsed and written again."""
    part = refused.part
    fields: dict[str, str] = refused.notes()
    if _json_object(part) is None:
        fields |= {LINE: part.body.decode("utf-8", "replace"), TYPE: part.media_type}
        return json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace")
    notes = json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace")
    rest = part.body.strip()[1:].replace(b"\r", b" ").replace(b"\n", b" ")
    return notes[:-1] + (b"" if rest.strip() == b"}" else b", ") + rest
