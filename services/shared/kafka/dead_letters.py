"""Dead letters: a record that cannot be used or published is kept with its reason (promise 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from uuid import NAMESPACE_URL, UUID, uuid5

import psycopg

from services.shared.kafka.bars import BAR_HOURS, Bar, queries
from services.shared.kafka.records import Headers, Incoming, Outgoing
from services.shared.kafka.unreadable_batches import RawBatch
from services.shared.observability import logs
from services.shared.runtime.errors import InvalidMessage, TooManyBugs
from services.shared.runtime.settings import Settings

TOPIC = "dead-letters"
NAMESPACE = uuid5(NAMESPACE_URL, "duban:dead-letter")
MAX_KEPT_VALUE = 64 * 1024
"""Bytes of the value in the dead letter of a record that is too large even for the topic of dead letters."""
MAX_KEPT_HEADER = 1024
UNKNOWN_SENDER = "unknown"
"""Sender of records that name none."""
BUG = "bug"
BARRED = "barred"
UNREADABLE = "unreadable"
BUG_MINUTES = 10
"""Real minutes within which `bug` dead letters are counted."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many dead letters are too many.

    Attributes:
        per_sender: of one sender on one topic within an hour; one more bars it there.
        bugs: on which our own code failed, of one topic within `BUG_MINUTES`; one more stops the loop.

    """

    per_sender: int
    bugs: int

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """Return those of the settings."""
        return cls(settings.dead_letters_per_hour, settings.bugs_per_ten_minutes)


@dataclass(frozen=True, slots=True)
class DeadLetterCandidate:
    """A record that cannot be used, and why; the service that read it publishes it as a dead letter.

    Attributes:
        record: as it was consumed.
        reason: one of `schemas.dead_letter.DeadLetterReason`.
        message: for a person: field, reason and what to do.
        field: path of the invalid field; None when no single field is to blame.
        sender: who sent the record, who is barred when there are too many.

    """

    record: Incoming
    reason: str
    message: str
    field: str | None
    sender: str

    @classmethod
    def from_error(cls, record: Incoming, error: InvalidMessage) -> "DeadLetterCandidate":
        """Take reason, field and sender from the error that decoding raised."""
        return cls(record, error.reason, str(error), error.field, error.sender)

    @classmethod
    def from_bug(cls, record: Incoming, error: Exception) -> "DeadLetterCandidate":
        """Return the candidate of a record on which our own code failed."""
        return cls(record, BUG, logs.error_location(error), None, UNKNOWN_SENDER)

    @classmethod
    def from_barred(cls, record: Incoming, sender: str) -> "DeadLetterCandidate":
        """Return the candidate of a record whose sender is barred; replaying it after the bar processes it."""
        return cls(record, BARRED, f"{sender} is barred: `duban sender unbar`, then replay", None, sender)

    @classmethod
    def from_raw_batch(cls, record: Incoming, batch: RawBatch, sender: str) -> "DeadLetterCandidate":
        """Return the candidate of a batch that cannot be read, which is one dead letter with its bytes."""
        message = f"the batch of offsets {batch.first_offset} to {record.offset} cannot be read: {batch.error}"
        return cls(record, UNREADABLE, message, None, sender)


def dead_letter_id(topic: str, partition: int, offset: int) -> UUID:
    """Return the id of a record's dead letter: the same however often the record is read again."""
    return uuid5(NAMESPACE, f"{topic}/{partition}/{offset}")


def dead_letter_record(candidate: DeadLetterCandidate, service: str) -> Outgoing:
    """Return the record for the dead-letter topic: the original bytes, everything else in headers (DESIGN 1)."""
    record = candidate.record
    id_ = dead_letter_id(*record.position)
    first = record.value.first_offset if isinstance(record.value, RawBatch) else record.offset
    headers: Headers = [
        ("dl_id", str(id_).encode()),
        ("dl_topic", record.topic.encode()),
        ("dl_partition", str(record.partition).encode()),
        ("dl_offset", str(first).encode()),
        ("dl_key", record.key or b""),
        ("dl_service", service.encode()),
        ("dl_reason", candidate.reason.encode()),
        ("dl_field", (candidate.field or "").encode()),
        ("dl_message", candidate.message[:200].encode()),
        ("dl_sender", candidate.sender.encode()),
        ("dl_at", datetime.now(UTC).isoformat().encode()),
        *((f"orig_{name}", value) for name, value in record.headers),
    ]
    if isinstance(record.value, RawBatch):
        headers.append(("dl_last_offset", str(record.offset).encode()))
    # A tombstone would resolve the dead letter of a record that had no value, so an empty value stands for none.
    return Outgoing(TOPIC, str(id_).encode(), record.value or b"", headers)


def unpublished_id(record: Outgoing) -> UUID:
    """Return the id of the dead letter of a record that the broker refused: the same however often it is tried."""
    content = sha256((record.key or b"") + (record.value or b"")).hexdigest().encode()
    cause = dict(record.headers).get("ce_id", content).decode(errors="replace")
    return uuid5(NAMESPACE, f"unpublished/{record.topic}/{cause}")


def unpublished_record(record: Outgoing, service: str, reason: str, message: str) -> Outgoing:
    """Return the dead letter of a record that the broker will never take on its own topic (promise 5).

    It has no partition and no offset, for it was never stored: both are -1, and replaying publishes it to its topic.

    Args:
        record: that was refused.
        service: that wanted to publish it.
        reason: one of `schemas.dead_letter.DeadLetterReason`.
        message: for a person.

    """
    id_ = str(unpublished_id(record)).encode()
    headers: Headers = [
        ("dl_id", id_),
        ("dl_topic", record.topic.encode()),
        ("dl_partition", b"-1"),
        ("dl_offset", b"-1"),
        ("dl_key", record.key or b""),
        ("dl_service", service.encode()),
        ("dl_reason", reason.encode()),
        ("dl_field", b""),
        ("dl_message", message[:200].encode()),
        ("dl_sender", service.encode()),
        ("dl_at", datetime.now(UTC).isoformat().encode()),
        *((f"orig_{name}", content) for name, content in record.headers),
    ]
    return Outgoing(TOPIC, id_, record.value or b"", headers)


def truncated(letter: Outgoing) -> Outgoing:
    """Return a dead letter that is too large even for its topic with the beginning of its value, and its ids."""
    value = letter.value or b""
    kept: Headers = [
        (name, content[:MAX_KEPT_HEADER])
        for name, content in letter.headers
        if name.startswith(("dl_", "orig_ce_")) and not name.startswith("dl_truncated")
    ]
    headers = [*kept, ("dl_truncated", str(len(value)).encode())]
    return Outgoing(letter.topic, letter.key, value[:MAX_KEPT_VALUE], headers)


def count(
    connection: psycopg.Connection, service: str, candidates: Sequence[DeadLetterCandidate], limits: Limits
) -> list[Bar]:
    """Store dead letters and return the senders that are barred from now on; runs in the caller's transaction.

    What is stored survives restarts, so a restart lifts neither a bar nor the limit of bugs.

    Raises:
        TooManyBugs: our own code failed on more records of a topic than the limit.

    """
    for candidate in candidates:
        if candidate.reason != BARRED:
            connection.execute(queries["add_dead_letter"], _row(service, candidate))
    topics = {each.record.topic for each in candidates if each.reason == BUG}
    for topic in topics:
        where = {"service": service, "topic": topic, "minutes": BUG_MINUTES}
        row = connection.execute(queries["count_bugs"], where).fetchone()
        if row is not None and row[0] > limits.bugs:
            raise TooManyBugs(
                f"{service} failed on more than {limits.bugs} records of {topic} within {BUG_MINUTES} minutes: look at "
                "`duban dlq list`, mend the fault, then replay them"
            )
    senders = {(each.sender, each.record.topic) for each in candidates if each.reason not in {BUG, BARRED}}
    return [
        Bar(*row)
        for sender, topic in sorted(senders)
        for row in connection.execute(
            queries["bar_sender"], {"sender": sender, "topic": topic, "limit": limits.per_sender, "hours": BAR_HOURS}
        ).fetchall()
    ]


def _row(service: str, candidate: DeadLetterCandidate) -> dict[str, object]:
    return {
        "id": dead_letter_id(*candidate.record.position),
        "service": service,
        "topic": candidate.record.topic,
        "sender": candidate.sender,
        "reason": candidate.reason,
    }
