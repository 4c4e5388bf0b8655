"""Reading topics from the outside, for people and checks; never in a service's path."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError

from services.shared.kafka.connection import connection
from services.shared.kafka.records import Incoming
from services.shared.runtime.errors import Retryable
from services.shared.runtime.settings import KafkaSettings


def whole(settings: KafkaSettings, topic: str) -> Iterator[Incoming]:
    """Return every record of a topic up to its end as it is now, in order within each partition.

    Raises:
        Retryable: the broker is away.

    """
    try:
        consumer = _reader(settings)
    except KafkaError as error:
        raise Retryable(f"the broker at {settings.bootstrap_servers} is away ({type(error).__name__})") from error
    try:
        parts = [TopicPartition(topic, each) for each in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(parts)
        ends = consumer.end_offsets(parts)
        consumer.seek_to_beginning(*parts)
        while any(consumer.position(each) < ends[each] for each in parts):
            for records in consumer.poll(timeout_ms=500).values():
                for each in records:
                    if each.offset < ends[TopicPartition(each.topic, each.partition)]:
                        yield Incoming.of(each)
    except KafkaError as error:
        raise Retryable(f"the broker at {settings.bootstrap_servers} is away ({type(error).__name__})") from error
    finally:
        consumer.close()


def _reader(settings: KafkaSettings) -> KafkaConsumer:
    return KafkaConsumer(
        **connection(settings),
        client_id="duban-reading",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=11 * 1024 * 1024,
        metrics_enabled=False,
    )


def follow(settings: KafkaSettings, topic: str, stopped: Callable[[], bool]) -> Iterator[Incoming]:
    """Return every record of a topic from its beginning, then those that come, until `stopped` says so.

    Outlives the broker's absence. For those who look on, without a consumer group.
    """
    behind: dict[TopicPartition, int] = {}
    while not stopped():
        consumer = None
        try:
            consumer = _reader(settings)
            parts = [TopicPartition(topic, each) for each in consumer.partitions_for_topic(topic) or ()]
            consumer.assign(parts)
            for each in parts:
                consumer.seek(each, behind.get(each, 0))
            while parts and not stopped():
                for where, records in consumer.poll(timeout_ms=200).items():
                    for each in records:
                        behind[where] = each.offset + 1
                        yield Incoming.of(each)
        except KafkaError:
            time.sleep(0.5)
        finally:
            if consumer is not None:
                consumer.close()


class ConsumerLag:
    """How far the groups of our services are behind."""

    def __init__(self, settings: KafkaSettings, groups: Mapping[str, Sequence[str]]) -> None:
        self._settings = settings
        self._groups = {f"duban-{name}": list(topics) for name, topics in groups.items()}
        self._admin: KafkaAdminClient | None = None

    def look(self) -> dict[str, int]:
        """Return the records that each service has not finished.

        Raises:
            Retryable: the broker is away.

        """
        try:
            if self._admin is None:
                self._admin = KafkaAdminClient(
                    **connection(self._settings), client_id="duban-lag", request_timeout_ms=5_000
                )
                topics = sorted({each for topics in self._groups.values() for each in topics})
                self._parts = {
                    each["name"]: [part["partition_index"] for part in each["partitions"]]
                    for each in self._admin.describe_topics(topics)
                }
            where = {
                TopicPartition(topic, part): OffsetSpec.LATEST for topic, parts in self._parts.items() for part in parts
            }
            ends = self._admin.list_partition_offsets(where)
            committed = self._admin.list_group_offsets(list(self._groups))
        except KafkaError as error:
            self.close()
            raise Retryable(
                f"the broker at {self._settings.bootstrap_servers} is away ({type(error).__name__})"
            ) from error
        return {
            group.removeprefix("duban-"): sum(
                max(found.offset - _offset(committed.get(group, {}).get(part)), 0)
                for part, found in ends.items()
                if part.topic in topics
            )
            for group, topics in self._groups.items()
        }

    def close(self) -> None:
        """Disconnect."""
        if self._admin is not None:
            self._admin.close()
            self._admin = None


def _offset(committed: Any) -> int:
    return max(committed.offset, 0) if committed is not None else 0
