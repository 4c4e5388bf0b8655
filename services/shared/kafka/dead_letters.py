"""Dead letters: a record that cannot be used or published is kept with its reason (promise 5)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from uuid import NAMESPACE_URL, UUID, uuid5

import psycopg

from services.shared.kafka.records import Headers, Incoming, Outgoing
from services.shared.observability import logs
from services.shared.postgres.database import Queries
from services.shared.runtime.errors import DeadLetterLimitExceeded, InvalidMessage

TOPIC = "dead-letters"
NAMESPACE = uuid5(NAMESPACE_URL, "duban:dead-letter")
MAX_KEPT_VALUE = 64 * 1024
"""Bytes of the value in the dead letter of a record that is too large even for the topic of dead letters."""
MAX_KEPT_HEADER = 1024

queries = Queries.of_package(__package__)


@dataclass(frozen=True, slots=True)
class DeadLetterCandidate:
    """A record that cannot be used, and why; the service that read it publishes it as a dead letter.

    Attributes:
        record: as it was consumed.
        reason: one of `schemas.dead_letter.DeadLetterReason`.
        message: for a person: field, reason and what to do.
        field: path of the invalid field; None when no single field is to blame.
        sender: who sent the record, by whom dead letters are limited.

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
        return cls(record, "bug", logs.error_location(error), None, "unknown")


def dead_letter_id(topic: str, partition: int, offset: int) -> UUID:
    """Return the id of a record's dead letter: the same however often the record is read again."""
    return uuid5(NAMESPACE, f"{topic}/{partition}/{offset}")


def dead_letter_record(candidate: DeadLetterCandidate, service: str) -> Outgoing:
    """Return the record for the dead-letter topic: the original bytes, everything else in headers (DESIGN 1)."""
    record = candidate.record
    id_ = dead_letter_id(*record.position)
    headers: Headers = [
        ("dl_id", str(id_).encode()),
        ("dl_topic", record.topic.encode()),
        ("dl_partition", str(record.partition).encode()),
        ("dl_offset", str(record.offset).encode()),
        ("dl_key", record.key or b""),
        ("dl_service", service.encode()),
        ("dl_reason", candidate.reason.encode()),
        ("dl_field", (candidate.field or "").encode()),
        ("dl_message", candidate.message[:200].encode()),
        ("dl_sender", candidate.sender.encode()),
        ("dl_at", datetime.now(UTC).isoformat().encode()),
        *((f"orig_{name}", value) for name, value in record.headers),
    ]
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


def count(connection: psycopg.Connection, service: str, candidates: list[DeadLetterCandidate], limit: int) -> None:
    """Store dead letters and check the hourly limit per sender and topic; runs in the caller's transaction.

    The counts survive restarts, so a restart does not lift the limit.

    Raises:
        DeadLetterLimitExceeded: a sender has more than `limit` of them on a topic within the last (real) hour.

    """
    for candidate in candidates:
        topic, sender = candidate.record.topic, candidate.sender
        row = connection.execute(
            queries["count_dead_letter"],
            {
                "id": dead_letter_id(*candidate.record.position),
                "service": service,
                "topic": topic,
                "sender": sender,
                "reason": candidate.reason,
            },
        ).fetchone()
        if row is not None and row[0] > limit:
            raise DeadLetterLimitExceeded(
                f"more than {limit} dead letters within an hour of sender {sender} on topic {topic}: "
                "look at `duban dlq list`, mend the sender, or raise DUBAN_DEAD_LETTERS_PER_HOUR"
            )
