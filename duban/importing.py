"""Files of contacts, message by message through intake's doors: a stream, resumable, with a report of refusals."""

import contextlib
import csv
import hashlib
import itertools
import json
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from services.intake.channel_table import OWN_TABLES, Channel
from services.intake.domain.fields import Unusable
from services.intake.domain.media import media_type_of
from services.intake.domain.pieces import JSON, LINES, TABLE, Piece, split
from services.shared.errors import DubanError

BATCH = 200
"""Messages of one request."""
NOTES = ("_row", "_field", "_reason", "_what_to_do")
"""Columns in front of a refused row's own; a mended report goes in as it is."""
_FORMULA = ("=", "+", "-", "@")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a message was refused."""

    piece: Piece
    field: str
    reason: str
    what_to_do: str


class Import:
    """One file's way in.

    Attributes:
        size: bytes of the file.
        position: bytes that have been read.
        done: messages that are through, by this run and those before.
        accepted, refused: messages of this run.
        skipped: messages that a run before has done.
        report: where the refused messages are told.

    """

    def __init__(
        self,
        file: Path,
        channel: str,
        client: httpx.Client,
        *,
        table: Mapping[str, Channel],
        settings: Mapping[str, str] | None = None,
        anew: bool = False,
    ) -> None:
        self._file = file
        self._client = client
        self._channel = channel
        self._native = table.get(channel)
        self._settings = dict(settings or {})
        self._media_type = media_type_of(file.name, channel)
        try:
            self.size = file.stat().st_size
            self._digest = _digest(file)
        except OSError as error:
            raise DubanError(f"{file} cannot be read ({error.strerror})") from error
        self._place = file.with_name(file.name + ".progress")
        self.report = file.with_name(file.name + ".refused.csv")
        self.skipped = 0 if anew else self._before()
        self.done = self.skipped
        self.position = self.accepted = self.refused = 0
        if not self.skipped:
            self.report.unlink(missing_ok=True)

    def run(self) -> Iterator[int]:
        """Send what is left; yields the number of messages that are through.

        Raises:
            DubanError: the file cannot be read, or intake does not take it; what is through is remembered.

        """
        with self._file.open("rb") as file, contextlib.closing(self._pieces(file)) as pieces:
            try:
                for _ in itertools.islice(pieces, self.skipped):
                    pass
                while batch := list(itertools.islice(pieces, BATCH)):
                    faults = self._send(batch)
                    self._tell(faults)
                    refused = len({each.piece.at for each in faults})
                    self.refused += refused
                    self.accepted += len(batch) - refused
                    self.done += len(batch)
                    self.position = min(self.size, file.tell()) if not file.closed else self.size
                    self._place.write_text(json.dumps({"sha256": self._digest, "done": self.done}), encoding="utf-8")
                    yield self.done
            except Unusable as error:
                raise DubanError(f"{self._file}: {error}") from error
        self.position = self.size
        self._place.unlink(missing_ok=True)

    def _pieces(self, file: BinaryIO) -> Generator[Piece, None, None]:
        if self._channel in OWN_TABLES and self._media_type not in {JSON, LINES}:
            # The lines are the channel's own; it reads them itself.
            for at, line in enumerate(file, start=1):
                yield Piece(at, line, self._media_type)
            return
        ids = self._native.ids if self._native is not None else ()
        found = split(file, self._media_type, ids=ids, charset=self._settings.get("charset"))
        if found is None:
            yield Piece(1, file.read(), self._media_type)
        else:
            yield from found

    def _send(self, batch: list[Piece]) -> list[Fault]:
        """Send messages and return what was refused of them."""
        bad = [each for each in batch if each.fault is not None]
        good = [each for each in batch if each.fault is None]
        faults = [Fault(each, each.fault.field, each.fault.reason, each.fault.message) for each in bad if each.fault]
        if not good:
            return faults
        kind = good[0].media_type
        if kind == JSON and (len(good) > 1 or self._media_type in {LINES, TABLE}):
            lines = b"".join(self._line(each) + b"\n" for each in good)
            return faults + self._results(self._post(lines, LINES), good)
        if self._channel in OWN_TABLES and kind != JSON:
            return faults + self._results(self._post(b"".join(each.body for each in good), kind), good)
        for each in good:
            faults += self._one(each)
        return faults

    def _line(self, piece: Piece) -> bytes:
        body = piece.body.strip().replace(b"\n", b" ").replace(b"\r", b" ")
        if self._native is not None:
            return body
        try:
            told = json.loads(body)
        except ValueError:
            return body
        return json.dumps({"channel": self._channel, **told} if isinstance(told, dict) else told).encode()

    def _one(self, piece: Piece) -> list[Fault]:
        answer = self._post(piece.body, piece.media_type)
        if answer.is_success:
            return []
        told = answer.json()
        return _faults(piece, told)

    def _results(self, answer: httpx.Response, good: list[Piece]) -> list[Fault]:
        if not answer.is_success:
            told = answer.json()
            return [fault for each in good for fault in _faults(each, told)]
        results = (json.loads(line) for line in answer.text.splitlines())
        refused = (each for each in results if each["status"] != httpx.codes.ACCEPTED)
        return [fault for each in refused for fault in _faults(good[int(each["line"]) - 1], each)]

    def _post(self, body: bytes, media_type: str) -> httpx.Response:
        """Post and return the answer: taken, or refused for what it says.

        Raises:
            DubanError: intake is away, or does not let us in.

        """
        path = f"/v1/channels/{self._channel}" if self._native is not None else "/v1/contacts/batch"
        try:
            answer = self._client.post(path, content=body, params=self._settings, headers={"Content-Type": media_type})
        except httpx.HTTPError as error:
            raise DubanError(
                f"intake does not answer ({type(error).__name__}): run the same command again later"
            ) from error
        if not answer.is_success and answer.status_code not in {
            httpx.codes.BAD_REQUEST,
            httpx.codes.REQUEST_ENTITY_TOO_LARGE,
        }:
            told = answer.json()
            raise DubanError(f"intake: {told.get('title')}: {told.get('detail', '')}: run the same command again later")
        return answer

    def _before(self) -> int:
        try:
            told = json.loads(self._place.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0
        return int(told["done"]) if told.get("sha256") == self._digest else 0

    def _tell(self, faults: list[Fault]) -> None:
        if not faults:
            return
        new = not self.report.exists()
        # With a byte order mark, so that office programs read it as UTF-8.
        with self.report.open("a", encoding="utf-8-sig" if new else "utf-8", newline="") as file:
            writer = csv.writer(file)
            row = _row(faults[0].piece)
            if new:
                writer.writerow((*NOTES, *row))
            names = list(row) if new else self._columns()
            for each in faults:
                cells = _row(each.piece)
                notes = (str(each.piece.at), each.field, each.reason, each.what_to_do)
                writer.writerow([_plain(cell) for cell in (*notes, *(cells.get(name, "") for name in names))])

    def _columns(self) -> list[str]:
        with self.report.open(encoding="utf-8-sig", newline="") as file:
            return next(csv.reader(file))[len(NOTES) :]


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _faults(piece: Piece, told: Mapping[str, Any]) -> list[Fault]:
    errors = told.get("errors") or [{"field": "", "reason": told.get("title", ""), "detail": told.get("detail", "")}]
    return [Fault(piece, each["field"], each["reason"], each["detail"]) for each in errors]


def _row(piece: Piece) -> dict[str, str]:
    """Return a message as cells: a row has its own, anything else is one."""
    try:
        told = json.loads(piece.body)
    except ValueError:
        told = None
    if isinstance(told, dict) and all(not isinstance(each, dict | list) for each in told.values()):
        return {name: "" if each is None else str(each) for name, each in told.items()}
    return {"content": piece.body.decode("utf-8", "replace").rstrip()}


def _plain(cell: str) -> str:
    """Return a cell that no office program takes for a formula; the tab in front is gone when it is read back."""
    return f"\t{cell}" if cell.startswith(_FORMULA) else cell
