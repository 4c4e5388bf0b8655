"""The operator's side of dead-letters: look at them, send them on again, and say that they are resolved (R2.5)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from services.shared.kafka import topic_reader
from services.shared.kafka.dead_letters import TOPIC, queries
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Headers, Incoming, Outgoing
from services.shared.runtime.errors import DubanError
from services.shared.runtime.settings import KafkaSettings

KEPT = "orig_"


@dataclass(frozen=True, slots=True)
class StoredDeadLetter:
    """One dead letter as it lies in the topic.

    Attributes:
        told: the `dl_` headers without the prefix: id, topic, partition, offset, service, reason, field, message, at.
        key: the original record's key.
        value: the original bytes.
        headers: the original record's headers.

    """

    told: dict[str, str]
    key: bytes | None
    value: bytes
    headers: Headers

    @classmethod
    def of(cls, record: Incoming) -> "StoredDeadLetter":
        """Read a record of dead-letters."""
        headers = dict(record.headers)
        told = {
            name.removeprefix("dl_"): value.decode(errors="replace")
            for name, value in record.headers
            if name.startswith("dl_") and name != "dl_key"
        }
        original = [(name.removeprefix(KEPT), value) for name, value in record.headers if name.startswith(KEPT)]
        return cls(told, headers.get("dl_key") or None, record.value or b"", original)


def letters(settings: KafkaSettings) -> list[StoredDeadLetter]:
    """Return the dead letters that nobody has resolved, oldest first.

    Raises:
        Retryable: the broker is away.

    """
    found: dict[bytes | None, StoredDeadLetter] = {}
    for record in topic_reader.whole(settings, TOPIC):
        if record.value is None:
            found.pop(record.key, None)
        else:
            found[record.key] = StoredDeadLetter.of(record)
    return sorted(found.values(), key=lambda each: each.told.get("at", ""))


def find(settings: KafkaSettings, start: str) -> StoredDeadLetter:
    """Return the dead letter whose id begins so.

    Raises:
        DubanError: there is none, or more than one.
        Retryable: the broker is away.

    """
    found = [each for each in letters(settings) if each.told["id"].startswith(start)]
    if len(found) != 1:
        many = "no dead letter" if not found else f"{len(found)} dead letters"
        raise DubanError(f"{many} with an id that begins with {start!r}: `duban dlq list` shows them")
    return found[0]


def replay(
    settings: KafkaSettings,
    connection: psycopg.Connection[Any],
    chosen: list[StoredDeadLetter],
    repaired: bytes | None = None,
) -> Iterator[StoredDeadLetter]:
    """Send dead letters to the topic they came from, once more, then resolve them; yields each when that is done.

    A crash in between may send one twice, which stable ids make harmless.

    Args:
        settings: how to reach the broker.
        connection: to the database, where dead letters are counted.
        chosen: which ones.
        repaired: what to send instead of the original bytes; for a single one.

    """
    publisher = Publisher(settings, "duban-dlq")
    try:
        for each in chosen:
            value = each.value if repaired is None else repaired
            publisher.publish([Outgoing(each.told["topic"], each.key, value, each.headers)])
            publisher.publish([Outgoing(TOPIC, each.told["id"].encode(), None, [])])
            connection.execute(queries["resolve_dead_letter"], {"id": UUID(each.told["id"])})
            connection.commit()
            yield each
    finally:
        publisher.close()
