"""Dead letters: nothing is dropped without a trace, and a flood of them stops the service (promise 5)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, UUID, uuid5

import psycopg

from services.shared.kafka.records import Headers, Incoming, Outgoing
from services.shared.postgres.database import Queries
from services.shared.runtime.errors import DeadLetterBound, InvalidMessage

TOPIC = "dead-letters"
NAMESPACE = uuid5(NAMESPACE_URL, "duban:dead-letter")

queries = Queries.of_package(__package__)


@dataclass(frozen=True, slots=True)
class DeadLetterCandidate:
    """A record that could not be used, and why."""

    record: Incoming
    reason: str
    message: str
    field: str | None
    sender: str

    @classmethod
    def of(cls, record: Incoming, error: InvalidMessage) -> "DeadLetterCandidate":
        """Take reason, field and sender from the error."""
        return cls(record, error.reason, str(error), error.field, error.sender)


def letter_id(topic: str, partition: int, offset: int) -> UUID:
    """Return the id of the dead letter of a record: the same however often the record is read again."""
    return uuid5(NAMESPACE, f"{topic}/{partition}/{offset}")


def letter(refused: DeadLetterCandidate, service: str) -> Outgoing:
    """Return the record for dead-letters: the original bytes, everything else in headers (DESIGN 1)."""
    record = refused.record
    id_ = letter_id(*record.position)
    headers: Headers = [
        ("dl_id", str(id_).encode()),
        ("dl_topic", record.topic.encode()),
        ("dl_partition", str(record.partition).encode()),
        ("dl_offset", str(record.offset).encode()),
        ("dl_key", record.key or b""),
        ("dl_service", service.encode()),
        ("dl_reason", refused.reason.encode()),
        ("dl_field", (refused.field or "").encode()),
        ("dl_message", refused.message[:200].encode()),
        ("dl_sender", refused.sender.encode()),
        ("dl_at", datetime.now(UTC).isoformat().encode()),
        *((f"orig_{name}", value) for name, value in record.headers),
    ]
    # A tombstone would resolve the dead letter of a record that had no value, so an empty value stands for none.
    return Outgoing(TOPIC, str(id_).encode(), record.value or b"", headers)


def count(connection: psycopg.Connection, service: str, refused: list[DeadLetterCandidate], bound: int) -> None:
    """Count dead letters of the last hour by sender and topic; kept over restarts. Runs in the caller's transaction.

    Raises:
        DeadLetterBound: a sender has more than `bound` of them.

    """
    for each in refused:
        row = connection.execute(
            queries["count_dead_letter"],
            {
                "id": letter_id(*each.record.position),
                "service": service,
                "topic": each.record.topic,
                "sender": each.sender,
                "reason": each.reason,
            },
        ).fetchone()
        if row is not None and row[0] > bound:
            raise DeadLetterBound(
                f"more than {bound} dead letters within an hour of sender {each.sender} on topic {each.record.topic}: "
                "look at `duban dlq list`, mend the sender, or raise DUBAN_DEAD_LETTERS_PER_HOUR"
            )
