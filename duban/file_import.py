"""Imports a file of messages through intake's HTTP door: streamed, resumable, with a report of refused messages."""

import contextlib
import hashlib
import itertools
import json
from collections.abc import Generator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from duban.rejects import RejectedMessage, RejectReason, report_for, strip_notes
from services.intake.channel_registry import OWN_TABLES, ChannelAdapter
from services.intake.domain.fields import InvalidPayload
from services.intake.domain.media import PLAIN, media_type_of
from services.intake.domain.splitter import CSV, JSON, NDJSON, MessagePart, split
from services.shared.runtime.errors import DubanError

BATCH = 200
"""Messages of one request, at the most."""
BATCH_BYTES = 4 * 1024 * 1024
"""Bytes of the messages of one request, well below intake's limit; a larger message goes alone."""
_TEXT_TYPES = frozenset({CSV, PLAIN})
_NO_RESULT: dict[str, Any] = {
    "status": 0,
    "title": "empty",
    "detail": "intake found no message in it: correct it or leave it out",
}
SentMessage = tuple[MessagePart, list[RejectReason]]
"""A message with the reasons why it was refused; none when it was accepted."""


class FileImport:
    """The import of one file; `run` carries it out and continues where an earlier run was interrupted.

    Attributes:
        size: bytes of the file.
        position: bytes that have been read.
        done: messages that were sent, in this run and earlier ones.
        accepted, refused: how many of them intake accepted and refused.
        skipped: messages that earlier runs have sent.
        report: path of the report of refused messages.

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
        self._own_lines = channel in OWN_TABLES and self._media_type in _TEXT_TYPES
        try:
            self.size = file.stat().st_size
            self._digest = _digest(file)
        except OSError as error:
            raise DubanError(f"{file} cannot be read ({error.strerror})") from error
        self._progress = file.with_name(file.name + ".progress")
        self._report = report_for(file, self._media_type, own_lines=self._own_lines)
        self.report = self._report.path
        self.skipped, self.refused = (0, 0) if anew else self._load_progress()
        self.done = self.skipped
        self.accepted = self.skipped - self.refused
        self.position = 0

    def run(self) -> Iterator[int]:
        """Send the remaining messages; yields the number of messages sent so far after each request.

        Raises:
            DubanError: the file cannot be read, or intake is unavailable; the progress is saved.

        """
        self._report.begin(self.refused)
        with self._file.open("rb") as file, contextlib.closing(self._split(file)) as parts:
            try:
                for _ in itertools.islice(parts, self.skipped):
                    pass
                for batch in _batches(map(strip_notes, parts)):
                    refused = [RejectedMessage(part, reasons) for part, reasons in self._send(batch) if reasons]
                    if refused:
                        self._report.add(refused)
                    self.refused += len(refused)
                    self.accepted += len(batch) - len(refused)
                    self.done += len(batch)
                    self.position = min(self.size, file.tell()) if not file.closed else self.size
                    self._save_progress()
                    yield self.done
            except InvalidPayload as error:
                raise DubanError(f"{self._file}: {error}") from error
        self.position = self.size
        self._progress.unlink(missing_ok=True)

    def _split(self, file: BinaryIO) -> Generator[MessagePart, None, None]:
        if self._own_lines:
            # A log in the channel's own format is sent line by line.
            for number, line in enumerate(file, start=1):
                yield MessagePart(number, line, self._media_type)
            return
        ids = self._native.ids if self._native is not None else ()
        parts = split(file, self._media_type, ids=ids, charset=self._settings.get("charset"))
        if parts is None:
            yield MessagePart(1, file.read(), self._media_type)
        else:
            yield from parts

    def _send(self, batch: list[MessagePart]) -> Iterator[SentMessage]:
        """Send messages, consecutive ones of a media type in one request; damaged ones are refused without sending."""
        for media_type, group in itertools.groupby(batch, key=lambda part: None if part.error else part.media_type):
            parts = list(group)
            if media_type is None:
                yield from ((part, [_damage(part)]) for part in parts)
            elif media_type == JSON and (self._media_type != JSON or self._native is None):
                lines = b"".join(self._json_line(part) + b"\n" for part in parts)
                yield from self._results(self._post(lines, NDJSON), parts)
            elif media_type in _TEXT_TYPES and self._channel in OWN_TABLES:
                yield from self._results(self._post(_join_lines(parts), media_type), parts)
            else:
                yield from ((part, self._send_alone(part)) for part in parts)

    def _json_line(self, part: MessagePart) -> bytes:
        body = part.body.strip().replace(b"\n", b" ").replace(b"\r", b" ")
        if self._native is not None:
            return body
        try:
            contact = json.loads(body)
        except ValueError:
            return body
        return json.dumps({"channel": self._channel, **contact} if isinstance(contact, dict) else contact).encode()

    def _send_alone(self, part: MessagePart) -> list[RejectReason]:
        response = self._post(part.body, part.media_type)
        if not response.is_success:
            return _reasons(response.json())
        # A message that holds several items may be accepted in part.
        is_json = response.headers.get("content-type") == JSON
        results = response.json().get("results", []) if is_json else []
        return [reason for result in results if "errors" in result for reason in _reasons(result)]

    @staticmethod
    def _results(response: httpx.Response, parts: list[MessagePart]) -> Iterator[SentMessage]:
        """Return each message of a request with the reasons why it was refused.

        A line of a log may belong to an item whose result stands at another line; any other message without a result
        was not accepted.
        """
        if not response.is_success:
            reasons = _reasons(response.json())
            yield from ((part, reasons) for part in parts)
            return
        # Not splitlines, which also splits at separators that a message may contain.
        results: dict[int, list[dict[str, Any]]] = {}
        for line in filter(None, response.content.split(b"\n")):
            result = json.loads(line)
            results.setdefault(int(result["line"]), []).append(result)
        for number, part in enumerate(parts, start=1):
            found = results.get(number) or ([_NO_RESULT] if part.media_type == JSON else [])
            refused = [result for result in found if result["status"] != httpx.codes.ACCEPTED]
            yield part, [reason for result in refused for reason in _reasons(result)]

    def _post(self, body: bytes, media_type: str) -> httpx.Response:
        """Post messages and return the response, which accepts or refuses them.

        Raises:
            DubanError: intake is unavailable, or refuses the sender.

        """
        path = f"/v1/channels/{self._channel}" if self._native is not None else "/v1/contacts/batch"
        try:
            response = self._client.post(
                path, content=body, params=self._settings, headers={"Content-Type": media_type}
            )
        except httpx.HTTPError as error:
            raise DubanError(
                f"intake does not answer ({type(error).__name__}): run the same command again later"
            ) from error
        if not response.is_success and response.status_code not in {
            httpx.codes.BAD_REQUEST,
            httpx.codes.REQUEST_ENTITY_TOO_LARGE,
        }:
            problem = response.json()
            detail = f"{problem.get('title')}: {problem.get('detail', '')}"
            raise DubanError(f"intake: {detail}: run the same command again later")
        return response

    def _load_progress(self) -> tuple[int, int]:
        """Return how many messages earlier runs have sent, and how many of them were refused."""
        try:
            progress = json.loads(self._progress.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0, 0
        if progress.get("sha256") != self._digest:
            return 0, 0
        return int(progress["done"]), int(progress.get("refused", 0))

    def _save_progress(self) -> None:
        """Save the progress atomically, so that a crash leaves the old file or the new one."""
        new = self._progress.with_name(self._progress.name + ".new")
        progress = {"sha256": self._digest, "done": self.done, "refused": self.refused}
        new.write_text(json.dumps(progress), encoding="utf-8")
        new.replace(self._progress)


def _batches(parts: Iterable[MessagePart]) -> Iterator[list[MessagePart]]:
    """Group messages into requests by their number and bytes."""
    batch: list[MessagePart] = []
    size = 0
    for part in parts:
        if batch and (len(batch) == BATCH or size + len(part.body) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(part)
        size += len(part.body)
    if batch:
        yield batch


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _join_lines(parts: list[MessagePart]) -> bytes:
    """Return lines as one body; the last keeps its own ending, since a missing one means that it is not complete."""
    *complete, last = (part.body for part in parts)
    return b"".join(line if line.endswith(b"\n") else line + b"\n" for line in complete) + last


def _damage(part: MessagePart) -> RejectReason:
    assert part.error is not None
    return RejectReason(part.error.field, part.error.reason, part.error.message)


def _reasons(problem: Mapping[str, Any]) -> list[RejectReason]:
    """Return the errors of a problem document or result of intake."""
    whole = {"field": "", "reason": problem.get("title", ""), "detail": problem.get("detail", "")}
    errors = problem.get("errors") or [whole]
    return [RejectReason(error["field"], error["reason"], error["detail"]) for error in errors]
