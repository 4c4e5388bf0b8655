"""Reads topics for the checker, with nothing but the client library."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kafka import KafkaConsumer, TopicPartition

METADATA_WITHIN = 30.0
"""Real seconds in which a broker that has just started must know a topic."""


class UnknownTopic(Exception):
    """The broker does not know a topic: reading nothing would check nothing."""


@dataclass(frozen=True)
class ReadRecord:
    """A record of a topic; its position is its partition and offset."""

    key: str
    value: bytes | None
    headers: dict[str, str]
    position: tuple[int, int]

    @property
    def body(self) -> dict[str, Any]:
        """The value parsed as JSON."""
        body: dict[str, Any] = json.loads(self.value or b"null")
        return body


def read_topic(servers: str, name: str) -> Iterator[ReadRecord]:
    """Return every record of a topic, in order within each partition.

    Raises:
        UnknownTopic: the broker does not know the topic.

    """
    consumer = KafkaConsumer(
        bootstrap_servers=servers.split(","), enable_auto_commit=False, max_partition_fetch_bytes=11 * 1024 * 1024
    )
    partitions = [TopicPartition(name, number) for number in _partitions(consumer, name)]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    consumer.seek_to_beginning(*partitions)
    while any(consumer.position(partition) < ends[partition] for partition in partitions):
        for records in consumer.poll(timeout_ms=500).values():
            yield from map(_decode, records)
    consumer.close()


def _partitions(consumer: Any, name: str) -> set[int]:
    until = time.monotonic() + METADATA_WITHIN
    while time.monotonic() < until:
        found: set[int] = consumer.partitions_for_topic(name) or set()
        if found:
            return found
        time.sleep(0.5)
    raise UnknownTopic(f"the broker knows no partitions of {name}")


def _decode(record: Any) -> ReadRecord:
    headers = {key: (value or b"").decode(errors="replace") for key, value in record.headers or ()}
    key = (record.key or b"").decode(errors="replace")
    return ReadRecord(key, record.value, headers, (record.partition, record.offset))
