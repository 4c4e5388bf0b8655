"""Imports a file of messages through intake's HTTP door: streamed, resumable, with a report of refused messages."""

import contextlib
import itertools
import json
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from duban.import_progress import ImportIdentity, ProgressFile, SavedProgress
from duban.patient_client import PatientClient, problem_of, unavailable
from duban.rejects import LINE, RejectedMessage, RejectReason, report_for, strip_notes
from services.intake.channel_registry import OWN_TABLES, ChannelAdapter
from services.intake.domain.fields import InvalidPayload
from services.intake.domain.media import PLAIN, media_type_of
from services.intake.domain.message_parts import CSV, JSON, NDJSON, MessagePart
from services.intake.domain.splitter import split
from services.shared.runtime.errors import DubanError

BATCH = 200
"""Messages of one request, at the most."""
BATCH_BYTES = 4 * 1024 * 1024
"""Bytes of the messages of one request, well below intake's limit; a larger message goes alone."""
MAX_BATCH_ROWS = 50 * BATCH
"""Rows with and without messages after which the progress is saved, whatever their size."""
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
        account: what became of everything in the file so far, in this run and earlier ones.
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
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._file = file
        self._client = PatientClient(client, sleep)
        self._channel = channel
        self._native = table.get(channel)
        self._settings = dict(settings or {})
        self._media_type = media_type_of(file.name, channel)
        self._own_lines = channel in OWN_TABLES and self._media_type in _TEXT_TYPES
        try:
            self.size = file.stat().st_size
            identity = ImportIdentity.of(file, channel, self._settings, str(client.base_url))
        except OSError as error:
            raise DubanError(f"{file} cannot be read ({error.strerror})") from error
        self._progress_file = ProgressFile(file, identity)
        self._report = report_for(file, self._media_type, own_lines=self._own_lines)
        self.report = self._report.path
        self._progress = SavedProgress() if anew else self._progress_file.load()
        self.account = self._progress.account
        self.skipped = self.done
        self.position = 0

    @property
    def done(self) -> int:
        """Messages that were sent, in this run and earlier ones."""
        return self.accepted + self.refused

    @property
    def accepted(self) -> int:
        """Messages that intake accepted."""
        return self.account.accepted

    @property
    def refused(self) -> int:
        """Messages that intake refused, and damaged ones that were not sent."""
        return self.account.refused

    def run(self) -> Iterator[int]:
        """Send the remaining messages; yields the number of messages sent so far after each request.

        Raises:
            DubanError: the file cannot be read, or intake is unavailable; the progress is saved.

        """
        self._report.begin(self.refused)
        with self._file.open("rb") as file, contextlib.closing(self._split(file)) as parts:
            try:
                for _ in itertools.islice(parts, self._progress.parts):
                    pass
                for batch in _batches(map(strip_notes, parts)):
                    self._import_batch(batch)
                    self.position = min(self.size, file.tell()) if not file.closed else self.size
                    yield self.done
            except InvalidPayload as error:
                raise DubanError(f"{self._file}: {error}") from error
        self.position = self.size
        self._progress_file.remove()

    def _import_batch(self, batch: list[MessagePart]) -> None:
        """Send the messages of a batch, account for all of it, and save the progress."""
        sent = list(self._send([part for part in batch if part.kept is None]))
        refused = [RejectedMessage(part, reasons) for part, reasons in sent if reasons]
        if refused:
            self._report.add(refused)
        for part, reasons in sent:
            self.account.add(part, refused=bool(reasons))
        for part in batch:
            if part.kept is not None:
                self.account.add(part)
        self._progress.parts += len(batch)
        self._progress_file.save(self._progress)

    def _split(self, file: BinaryIO) -> Generator[MessagePart, None, None]:
        delivered = self.account.delivered
        if self._own_lines:
            # A log in the channel's own format is sent line by line.
            for number, line in enumerate(file, start=1):
                delivered[""] += 1
                yield MessagePart(number, line, self._media_type)
            return
        # A report of refused messages may hold only such as were no rows.
        ids = (*self._native.ids, LINE) if self._native is not None else ()
        charset = self._settings.get("charset")
        parts = split(file, self._media_type, ids=ids, charset=charset, delivered=delivered)
        if parts is None:
            delivered[""] += 1
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
            return _reasons(problem_of(response))
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
            reasons = _reasons(problem_of(response))
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
        response = self._client.post(path, body, media_type, self._settings)
        if not response.is_success and response.status_code not in {
            httpx.codes.BAD_REQUEST,
            httpx.codes.REQUEST_ENTITY_TOO_LARGE,
        }:
            raise unavailable(response)
        return response


def _batches(parts: Iterable[MessagePart]) -> Iterator[list[MessagePart]]:
    """Group messages into requests by their number and bytes; rows without a message travel with them."""
    batch: list[MessagePart] = []
    messages = size = 0
    for part in parts:
        is_message = part.kept is None
        is_full = messages == BATCH or size + len(part.body) > BATCH_BYTES
        if batch and ((is_message and is_full) or len(batch) == MAX_BATCH_ROWS):
            yield batch
            batch, messages, size = [], 0, 0
        batch.append(part)
        messages += is_message
        size += len(part.body)
    if batch:
        yield batch


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
