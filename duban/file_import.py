"""Files of contacts, message by message through intake's doors: a stream, resumable, with a report of refusals."""

import contextlib
import hashlib
import itertools
import json
from collections.abc import Generator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from duban.rejects import RejectedMessage, RejectReason, report_of, unnoted
from services.intake.channel_registry import OWN_TABLES, ChannelAdapter
from services.intake.domain.fields import InvalidPayload
from services.intake.domain.media import PLAIN, media_type_of
from services.intake.domain.splitter import CSV, JSON, NDJSON, MessagePart, split
from services.shared.runtime.errors import DubanError

BATCH = 200
"""Messages of one request."""
BATCH_BYTES = 4 * 1024 * 1024
"""Bytes of its messages, well below what intake takes in one request; a larger message goes alone."""
_TEXTS = frozenset({CSV, PLAIN})
_SILENCE: dict[str, Any] = {
    "status": 0,
    "title": "empty",
    "detail": "intake found no message in it: mend it or leave it out",
}
Answered = tuple[MessagePart, list[RejectReason]]
"""A message with what is wrong with it; nothing, when it was taken."""


class FileImport:
    """One file's way in.

    Attributes:
        size: bytes of the file.
        position: bytes that have been read.
        done: messages that are through, by this run and those before.
        accepted, refused: messages, of this run and those before.
        skipped: messages that a run before has done.
        report: where the refused messages are told.

    """

    def __init__(
        self,
        file: Path,
        channel: str,
        client: httpx.Client,
        *,
        table: Mapping[str, ChannelAdapter],
        settings: Mapping[str, str] | None = None,
        anew: bool = False,
    ) -> None:
        self._file = file
        self._client = client
        self._channel = channel
        self._native = table.get(channel)
        self._settings = dict(settings or {})
        self._media_type = media_type_of(file.name, channel)
        self._own_lines = channel in OWN_TABLES and self._media_type in _TEXTS
        try:
            self.size = file.stat().st_size
            self._digest = _digest(file)
        except OSError as error:
            raise DubanError(f"{file} cannot be read ({error.strerror})") from error
        self._place = file.with_name(file.name + ".progress")
        self._report = report_of(file, self._media_type, own_lines=self._own_lines)
        self.report = self._report.path
        self.skipped, self.refused = (0, 0) if anew else self._before()
        self.done = self.skipped
        self.accepted = self.skipped - self.refused
        self.position = 0

    def run(self) -> Iterator[int]:
        """Send what is left; yields the number of messages that are through.

        Raises:
            DubanError: the file cannot be read, or intake does not take it; what is through is remembered.

        """
        self._report.begin(self.refused)
        with self._file.open("rb") as file, contextlib.closing(self._pieces(file)) as pieces:
            try:
                for _ in itertools.islice(pieces, self.skipped):
                    pass
                for batch in _batches(map(unnoted, pieces)):
                    refused = [RejectedMessage(piece, faults) for piece, faults in self._send(batch) if faults]
                    if refused:
                        self._report.add(refused)
                    self.refused += len(refused)
                    self.accepted += len(batch) - len(refused)
                    self.done += len(batch)
                    self.position = min(self.size, file.tell()) if not file.closed else self.size
                    self._remember()
                    yield self.done
            except InvalidPayload as error:
                raise DubanError(f"{self._file}: {error}") from error
        self.position = self.size
        self._place.unlink(missing_ok=True)

    def _pieces(self, file: BinaryIO) -> Generator[MessagePart, None, None]:
        if self._own_lines:
            # The lines are the channel's own; it reads them itself.
            for at, line in enumerate(file, start=1):
                yield MessagePart(at, line, self._media_type)
            return
        ids = self._native.ids if self._native is not None else ()
        found = split(file, self._media_type, ids=ids, charset=self._settings.get("charset"))
        if found is None:
            yield MessagePart(1, file.read(), self._media_type)
        else:
            yield from found

    def _send(self, batch: list[MessagePart]) -> Iterator[Answered]:
        """Send messages, those of a kind together; those that are no whole ones are not sent."""
        for kind, same in itertools.groupby(batch, key=lambda each: None if each.error else each.media_type):
            pieces = list(same)
            if kind is None:
                yield from ((each, [_fault(each)]) for each in pieces)
            elif kind == JSON and (self._media_type != JSON or self._native is None):
                lines = b"".join(self._line(each) + b"\n" for each in pieces)
                yield from self._results(self._post(lines, NDJSON), pieces)
            elif kind in _TEXTS and self._channel in OWN_TABLES:
                # Whether the last line ends says whether it is whole.
                lines = b"".join(each.body if each.body.endswith(b"\n") else each.body + b"\n" for each in pieces[:-1])
                yield from self._results(self._post(lines + pieces[-1].body, kind), pieces)
            else:
                yield from ((each, self._one(each)) for each in pieces)

    def _line(self, piece: MessagePart) -> bytes:
        body = piece.body.strip().replace(b"\n", b" ").replace(b"\r", b" ")
        if self._native is not None:
            return body
        try:
            told = json.loads(body)
        except ValueError:
            return body
        return json.dumps({"channel": self._channel, **told} if isinstance(told, dict) else told).encode()

    def _one(self, piece: MessagePart) -> list[RejectReason]:
        answer = self._post(piece.body, piece.media_type)
        if not answer.is_success:
            return _faults(answer.json())
        # What holds several things may be taken in part.
        several = answer.json().get("results", []) if answer.headers.get("content-type") == JSON else []
        return [fault for each in several if "errors" in each for fault in _faults(each)]

    @staticmethod
    def _results(answer: httpx.Response, pieces: list[MessagePart]) -> Iterator[Answered]:
        """Tell what became of messages that went together.

        A line of a log may be a part of what another line is answered for; any other message that the answer says
        nothing of was not taken.
        """
        if not answer.is_success:
            faults = _faults(answer.json())
            yield from ((each, faults) for each in pieces)
            return
        # Not splitlines: to it a line ends at marks too that a message may hold.
        results: dict[int, list[dict[str, Any]]] = {}
        for line in filter(None, answer.content.split(b"\n")):
            each = json.loads(line)
            results.setdefault(int(each["line"]), []).append(each)
        for number, piece in enumerate(pieces, start=1):
            told = results.get(number) or ([_SILENCE] if piece.media_type == JSON else [])
            refused = [each for each in told if each["status"] != httpx.codes.ACCEPTED]
            yield piece, [fault for each in refused for fault in _faults(each)]

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

    def _before(self) -> tuple[int, int]:
        """Return how many messages are through by runs before, and how many of them were refused."""
        try:
            told = json.loads(self._place.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0, 0
        if told.get("sha256") != self._digest:
            return 0, 0
        return int(told["done"]), int(told.get("refused", 0))

    def _remember(self) -> None:
        """Write down how far it is: all of it or nothing, whenever the machine stops."""
        new = self._place.with_name(self._place.name + ".new")
        told = {"sha256": self._digest, "done": self.done, "refused": self.refused}
        new.write_text(json.dumps(told), encoding="utf-8")
        new.replace(self._place)


def _batches(pieces: Iterable[MessagePart]) -> Iterator[list[MessagePart]]:
    """Cut a file's messages into what goes together."""
    batch: list[MessagePart] = []
    size = 0
    for each in pieces:
        if batch and (len(batch) == BATCH or size + len(each.body) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += len(each.body)
    if batch:
        yield batch


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _fault(piece: MessagePart) -> RejectReason:
    assert piece.error is not None
    return RejectReason(piece.error.field, piece.error.reason, piece.error.message)


def _faults(told: Mapping[str, Any]) -> list[RejectReason]:
    errors = told.get("errors") or [{"field": "", "reason": told.get("title", ""), "detail": told.get("detail", "")}]
    return [RejectReason(each["field"], each["reason"], each["detail"]) for each in errors]
