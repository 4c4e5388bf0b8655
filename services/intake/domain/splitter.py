"""Splits a file into its messages as a stream: a JSON object per row of a CSV or XLSX file, mails of an mbox, lines.

Every row, line and mail of the file becomes a part: a message, what holds none with the reason (`kept`), or what is
damaged with an error, so that it does not spoil the others (R2.5).
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from services.intake.domain.csv_files import split_csv
from services.intake.domain.fields import InputError, invalid_payload
from services.intake.domain.message_parts import CSV, JSON, MAIL, MBOX, NDJSON, XLSX, MessagePart
from services.intake.domain.workbooks import split_workbook


def split(
    file: BinaryIO,
    media_type: str,
    *,
    ids: Iterable[str] = (),
    charset: str | None = None,
    delivered: Counter[str] | None = None,
) -> Iterator[MessagePart] | None:
    """Split a file into its messages lazily; None when the file is a single message.

    Args:
        file: the file, which stays open.
        media_type: media type of the file.
        ids: names of columns that may hold a message id, by which the header row of a table is recognised.
        charset: charset of a CSV file; None: from the media type, else detected.
        delivered: counts the rows, lines and mails as they are read, by sheet, before anything is decided about them.

    Raises:
        InvalidPayload: nothing of the file can be read. May be raised during iteration.

    """
    counts = delivered if delivered is not None else Counter()
    kind = media_type.partition(";")[0].strip().lower()
    if kind == CSV:
        return split_csv(file, charset or _charset(media_type), ids, counts)
    if kind == NDJSON:
        return _split_ndjson(file, counts)
    if kind == XLSX:
        return split_workbook(file, ids, counts)
    if kind == MBOX:
        return _split_mbox(file, counts)
    return None


def _charset(media_type: str) -> str | None:
    parameter = re.search(r"charset=([^;]*)", media_type, re.IGNORECASE)
    return parameter[1] if parameter else None


def _split_ndjson(file: BinaryIO, delivered: Counter[str]) -> Iterator[MessagePart]:
    for number, line in enumerate(file, start=1):
        delivered[""] += 1
        is_empty = not line.strip()
        yield MessagePart(number, line, NDJSON, kept="empty") if is_empty else _parse_line(number, line)


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


def _split_mbox(file: BinaryIO, delivered: Counter[str]) -> Iterator[MessagePart]:
    """Split an mbox as it streams; a line of a mail's text that begins with `From ` is quoted with `>` in it.

    Raises:
        InvalidPayload: something stands before the first mail.

    """
    first_line, lines = 0, list[bytes]()
    for number, line in enumerate(file, start=1):
        if line.startswith(b"From ") and (not first_line or not lines or not lines[-1].strip()):
            if first_line:
                yield _mail(first_line, lines)
            delivered[""] += 1
            first_line, lines = number, []
        elif first_line:
            lines.append(line[1:] if re.match(rb">+From ", line) else line)
        elif line.strip():
            break
    if not first_line:
        raise invalid_payload("body", "bad_syntax", "this is not an mbox file: its first line must begin with `From `")
    yield _mail(first_line, lines)


def _mail(line: int, lines: list[bytes]) -> MessagePart:
    return MessagePart(line, b"".join(lines), MAIL, kept=None if any(map(bytes.strip, lines)) else "empty")
