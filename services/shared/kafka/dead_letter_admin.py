"""Operator access to the dead-letter topic: list, inspect, replay and resolve dead letters (R2.5)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from services.shared.kafka import topic_reader
from services.shared.kafka.bars import queries
from services.shared.kafka.dead_letters import TOPIC, UNREADABLE
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Headers, Incoming, Outgoing
from services.shared.runtime.errors import DubanError
from services.shared.runtime.settings import KafkaSettings

ORIGINAL_PREFIX = "orig_"


@dataclass(frozen=True, slots=True)
class StoredDeadLetter:
    """One dead letter as it is stored in the topic.

    Attributes:
        details: the `dl_` headers without the prefix: id, topic, partition, offset, service, reason, field, message,
            sender, at.
        key: the original record's key.
        value: the original bytes.
        headers: the original record's headers.

    """

    details: dict[str, str]
    key: bytes | None
    value: bytes
    headers: Headers

    @classmethod
    def from_record(cls, record: Incoming) -> "StoredDeadLetter":
        """Parse a record of the dead-letter topic."""
        headers = dict(record.headers)
        details = {
            name.removeprefix("dl_"): value.decode(errors="replace")
            for name, value in record.headers
            if name.startswith("dl_") and name != "dl_key"
        }
        original = [
            (name.removeprefix(ORIGINAL_PREFIX), value)
            for name, value in record.headers
            if name.startswith(ORIGINAL_PREFIX)
        ]
        return cls(details, headers.get("dl_key") or None, record.value or b"", original)


def unresolved(settings: KafkaSettings) -> list[StoredDeadLetter]:
    """Return the dead letters that nobody has resolved, oldest first.

    Raises:
        Retryable: the broker is unavailable.

    """
    found: dict[bytes | None, StoredDeadLetter] = {}
    for record in topic_reader.read_all(settings, TOPIC):
        if record.value is None:
            found.pop(record.key, None)
        else:
            found[record.key] = StoredDeadLetter.from_record(record)
    return sorted(found.values(), key=lambda letter: letter.details.get("at", ""))


def find(settings: KafkaSettings, prefix: str) -> StoredDeadLetter:
    """Return the one unresolved dead letter whose id begins with a prefix.

    Raises:
        DubanError: there is none, or more than one.
        Retryable: the broker is unavailable.

    """
    found = [letter for letter in unresolved(settings) if letter.details["id"].startswith(prefix)]
    if len(found) != 1:
        many = "no dead letter" if not found else f"{len(found)} dead letters"
        raise DubanError(f"{many} with an id that begins with {prefix!r}: `duban dlq list` shows them")
    return found[0]


def replay(
    settings: KafkaSettings,
    connection: psycopg.Connection[Any],
    chosen: list[StoredDeadLetter],
    repaired: bytes | None = None,
) -> Iterator[StoredDeadLetter]:
    """Publish dead letters to the topics they came from, then resolve them; yields each once that is done.

    A crash in between may publish one twice, which stable ids make harmless.

    Raises:
        DubanError: of a dead letter only the beginning is kept, or a batch that cannot be read, and nothing is given to
            publish instead.
        Unpublishable: the broker will never take one of the records; it stays unresolved.

    Args:
        settings: how to reach the broker.
        connection: to the database, where dead letters are counted.
        chosen: the dead letters to replay.
        repaired: value to publish instead of the original bytes; for a single dead letter.

    """
    publisher = Publisher(settings, "duban-dlq")
    try:
        for letter in chosen:
            if repaired is None and letter.details["reason"] == UNREADABLE:
                raise DubanError(
                    f"dead letter {letter.details['id']} is a batch that cannot be read: ask its sender to send the "
                    "records again, or write one of them into a file and replay that"
                )
            if repaired is None and "truncated" in letter.details:
                raise DubanError(
                    f"dead letter {letter.details['id']} holds only the beginning of a record of "
                    f"{letter.details['truncated']} bytes: write the whole of it into a file and replay that"
                )
            id_, value = letter.details["id"], letter.value if repaired is None else repaired
            publisher.publish([Outgoing(letter.details["topic"], letter.key, value, letter.headers)])
            publisher.publish([Outgoing(TOPIC, id_.encode(), None, [])])
            connection.execute(queries["resolve_dead_letter"], {"id": UUID(id_)})
            connection.commit()
            yield letter
    finally:
        publisher.close()
