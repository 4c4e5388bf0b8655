"""Reports of what was refused of a file: in the file's own format, with the reasons, so that it goes in once mended."""

import csv
import itertools
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.intake.domain.splitter import CSV, JSON, MAIL, MBOX, XLSX, MessagePart

NOTES = ("_row", "_field", "_reason", "_what_to_do")
"""Stand in front of what a refused message says; they are left out when it is read again."""
LINE, TYPE = "_line", "_type"
"""Hold what is no JSON object, and its media type."""
HEADER = b"X-Refused: "
"""Stands in front of a refused mail."""
LONGEST = 900
"""Bytes of a header: a line of a mail has an end."""
_FORMULA = ("=", "+", "-", "@")
_FROM = re.compile(rb"^(?=>*From )", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RejectReason:
    """Why a message was refused."""

    field: str
    reason: str
    what_to_do: str


@dataclass(frozen=True, slots=True)
class RejectedMessage:
    """A refused message with everything that is wrong with it."""

    piece: MessagePart
    faults: Sequence[RejectReason]

    def notes(self) -> dict[str, str]:
        """Return what is said in front of it."""
        fields, reasons = (
            dict.fromkeys(each) for each in zip(*((f.field, f.reason) for f in self.faults), strict=True)
        )
        advice = dict.fromkeys(f"{f.field}: {f.what_to_do}" if len(fields) > 1 else f.what_to_do for f in self.faults)
        return dict(
            zip(NOTES, (str(self.piece.line), ",".join(fields), ",".join(reasons), "; ".join(advice)), strict=True)
        )


class RejectReport(ABC):
    """What was refused of one file, beside it.

    Attributes:
        path: where it is; there is no file as long as nothing was refused.

    """

    suffix: str

    def __init__(self, file: Path) -> None:
        self.path = file.with_name(f"{file.name}.refused.{self.suffix}")

    def begin(self, count: int) -> None:
        """Keep the first messages, those of runs before; what an interrupted run wrote beyond them is told again."""
        if not count:
            self.path.unlink(missing_ok=True)
        elif self.path.exists():
            self._keep(count)

    @abstractmethod
    def add(self, refused: Iterable[RejectedMessage]) -> None:
        """Tell of more messages."""

    @abstractmethod
    def _keep(self, count: int) -> None: ...


def report_of(file: Path, media_type: str, *, own_lines: bool) -> RejectReport:
    """Return the report of a file; `own_lines`: it is no table under names of columns, whatever its media type."""
    if own_lines:
        return NdjsonRejectReport(file)
    kinds: Mapping[str, type[RejectReport]] = {
        CSV: CsvRejectReport,
        XLSX: CsvRejectReport,
        MAIL: MboxRejectReport,
        MBOX: MboxRejectReport,
    }
    return kinds.get(media_type, NdjsonRejectReport)(file)


def unnoted(piece: MessagePart) -> MessagePart:
    """Return a message of a report as it was in its file."""
    if piece.media_type != JSON or b'"_reason"' not in piece.body:
        return piece
    try:
        told = json.loads(piece.body)
    except (ValueError, RecursionError):
        return piece
    if not isinstance(told, dict) or not set(NOTES) <= told.keys():
        return piece
    if isinstance(told.get(LINE), str) and isinstance(told.get(TYPE), str):
        return MessagePart(piece.line, told[LINE].encode("utf-8", "replace"), told[TYPE], piece.error)
    rest = {name: value for name, value in told.items() if name not in NOTES}
    return MessagePart(piece.line, json.dumps(rest, ensure_ascii=False).encode("utf-8", "replace"), JSON, piece.error)


class CsvRejectReport(RejectReport):
    """A table in CSV: the notes, then every column of a refused row."""

    suffix = "csv"

    def add(self, refused: Iterable[RejectedMessage]) -> None:
        """Tell of more rows; a new name makes a new column."""
        rows = [each.notes() | _cells(each.piece) for each in refused]
        if not rows:
            return
        before = self._names()
        names = list(dict.fromkeys([*(before or NOTES), *(name for row in rows for name in row)]))
        if names != before:
            self._write(names, self._rows())
        with self.path.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, names, restval="").writerows(rows)

    def _keep(self, count: int) -> None:
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
        # With a byte order mark, so that office programs read it as UTF-8.
        new = self.path.with_name(self.path.name + ".new")
        with new.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, names, restval="")
            writer.writeheader()
            writer.writerows(rows)
        new.replace(self.path)


class NdjsonRejectReport(RejectReport):
    """NDJSON: the notes stand in the object; what is none stands in one."""

    suffix = "ndjson"

    def add(self, refused: Iterable[RejectedMessage]) -> None:
        """Tell of more messages."""
        with self.path.open("ab") as file:
            file.writelines(_line(each) + b"\n" for each in refused)

    def _keep(self, count: int) -> None:
        _keep_from(self.path, count, lambda _: True)


class MboxRejectReport(RejectReport):
    """An mbox: the notes are a header of the mail."""

    suffix = "mbox"

    def add(self, refused: Iterable[RejectedMessage]) -> None:
        """Tell of more mails."""
        with self.path.open("ab") as file:
            for each in refused:
                told = "; ".join(each.notes().values()).encode("ascii", "backslashreplace")[:LONGEST]
                file.write(b"From refused Thu Jan  1 00:00:00 1970\n" + HEADER + told + b"\n")
                file.write(_FROM.sub(b">", each.piece.body).rstrip(b"\r\n") + b"\n\n")

    def _keep(self, count: int) -> None:
        _keep_from(self.path, count, lambda line: line.startswith(b"From "))


def _keep_from(path: Path, count: int, begins: Callable[[bytes], bool]) -> None:
    """Cut a report behind its first messages; `begins`: whether a line is the first of one."""
    end = 0
    with path.open("r+b") as file:
        for line in file:
            count -= begins(line)
            if count < 0:
                file.truncate(end)
                return
            end += len(line)


def _object(piece: MessagePart) -> dict[str, Any] | None:
    if piece.media_type != JSON:
        return None
    try:
        told = json.loads(piece.body)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _cells(piece: MessagePart) -> dict[str, str]:
    """Return a row's cells; what is no row is one cell."""
    told = _object(piece)
    if told is None:
        return {LINE: _plain(piece.body.decode("utf-8", "replace").rstrip())}
    return {name: "" if each is None else _plain(str(each)) for name, each in told.items()}


def _plain(cell: str) -> str:
    """Return a cell that no office program takes for a formula; the tab in front is gone when it is read back."""
    return f"\t{cell}" if cell.startswith(_FORMULA) else cell


def _line(refused: RejectedMessage) -> bytes:
    """Return a message on one line, letter for letter where it is an object."""
    piece = refused.piece
    told: dict[str, str] = refused.notes()
    if _object(piece) is None:
        told |= {LINE: piece.body.decode("utf-8", "replace"), TYPE: piece.media_type}
        return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")
    notes = json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")
    rest = piece.body.strip()[1:].replace(b"\r", b" ").replace(b"\n", b" ")
    return notes[:-1] + (b"" if rest.strip() == b"}" else b", ") + rest
