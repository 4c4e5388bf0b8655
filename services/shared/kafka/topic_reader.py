"""Reads topics without a consumer group: for the CLI, checks and tests, never in a service's path."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError

from services.shared.kafka.connection import client_options
from services.shared.kafka.records import Incoming
from services.shared.runtime.errors import Retryable
from services.shared.runtime.settings import KafkaSettings


def read_all(settings: KafkaSettings, topic: str) -> Iterator[Incoming]:
    """Yield every record of a topic up to its present end, in order within each partition.

    Raises:
        Retryable: the broker is unavailable.

    """
    try:
        consumer = _create_consumer(settings)
    except KafkaError as error:
        raise _unavailable(settings, error) from error
    try:
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        if not partitions:
            # The topic does not exist, or the broker has just started and does not know it yet.
            return
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        consumer.seek_to_beginning(*partitions)
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for records in consumer.poll(timeout_ms=500).values():
                for record in records:
                    if record.offset < ends[TopicPartition(record.topic, record.partition)]:
                        yield Incoming.from_client(record)
    except KafkaError as error:
        raise _unavailable(settings, error) from error
    finally:
        consumer.close()


def _create_consumer(settings: KafkaSettings) -> KafkaConsumer:
    return KafkaConsumer(
        **client_options(settings),
        client_id="duban-reading",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=11 * 1024 * 1024,
        metrics_enabled=False,
    )


def _unavailable(settings: KafkaSettings, error: KafkaError) -> Retryable:
    return Retryable(f"the broker at {settings.bootstrap_servers} is unavailable ({type(error).__name__})")


def follow(settings: KafkaSettings, topic: str, should_stop: Callable[[], bool]) -> Iterator[Incoming]:
    """Yield every record of a topic from its beginning and then new ones as they arrive, until `should_stop()`.

    Reconnects when the broker was unavailable, and goes on where it had stopped.
    """
    next_offsets: dict[TopicPartition, int] = {}
    while not should_stop():
        consumer = None
        try:
            consumer = _create_consumer(settings)
            partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
            consumer.assign(partitions)
            for partition in partitions:
                consumer.seek(partition, next_offsets.get(partition, 0))
            while partitions and not should_stop():
                for partition, records in consumer.poll(timeout_ms=200).items():
                    for record in records:
                        next_offsets[partition] = record.offset + 1
                        yield Incoming.from_client(record)
        except KafkaError:
            time.sleep(0.5)
        finally:
            if consumer is not None:
                consumer.close()


class ConsumerLag:
    """Measures how many records the consumer groups of our services have not processed yet."""

    def __init__(self, settings: KafkaSettings, topics: Mapping[str, Sequence[str]]) -> None:
        """Prepare to measure; connects on the first call of `measure`.

        Args:
            settings: how to reach the broker.
            topics: the topics that each service consumes, by its name.

        """
        self._settings = settings
        self._groups = {f"duban-{service}": list(names) for service, names in topics.items()}
        self._admin: KafkaAdminClient | None = None
        self._partitions: list[TopicPartition] = []

    def ends(self) -> dict[TopicPartition, int]:
        """Return the offset behind the last record of each partition.

        Raises:
            Retryable: the broker is unavailable.

        """
        try:
            found = self._connect().list_partition_offsets(dict.fromkeys(self._partitions, OffsetSpec.LATEST))
        except KafkaError as error:
            self.close()
            raise _unavailable(self._settings, error) from error
        return {partition: end.offset for partition, end in found.items()}

    def measure(self, ends: Mapping[TopicPartition, int] | None = None) -> dict[str, int]:
        """Return the number of records that each service has not processed.

        Args:
            ends: offset of each partition up to which records count; None: all of them.

        Raises:
            Retryable: the broker is unavailable.

        """
        totals = dict.fromkeys((group.removeprefix("duban-") for group in self._groups), 0)
        for (service, _, _), lag in self._by_partition(ends).items():
            totals[service] += lag
        return totals

    def measure_partitions(self, service: str, partitions: Collection[tuple[str, int]]) -> int:
        """Return the number of records of some partitions, each a topic and a number, that a service has not processed.

        Raises:
            Retryable: the broker is unavailable.

        """
        if not partitions:
            return 0
        lags = self._by_partition()
        return sum(lags.get((service, topic, number), 0) for topic, number in partitions)

    def _by_partition(self, ends: Mapping[TopicPartition, int] | None = None) -> dict[tuple[str, str, int], int]:
        """Return the number of unprocessed records by service, topic and partition; raises as `measure`."""
        ends = self.ends() if ends is None else ends
        try:
            committed = self._connect().list_group_offsets(list(self._groups))
        except KafkaError as error:
            self.close()
            raise _unavailable(self._settings, error) from error
        return {
            (group.removeprefix("duban-"), partition.topic, partition.partition): max(
                end - _offset(committed.get(group, {}).get(partition)), 0
            )
            for group, topics in self._groups.items()
            for partition, end in ends.items()
            if partition.topic in topics
        }

    def _connect(self) -> KafkaAdminClient:
        if self._admin is None:
            self._admin = KafkaAdminClient(
                **client_options(self._settings), client_id="duban-lag", request_timeout_ms=5_000
            )
            names = sorted({name for names in self._groups.values() for name in names})
            self._partitions = [
                TopicPartition(topic["name"], partition["partition_index"])
                for topic in self._admin.describe_topics(names)
                for partition in topic["partitions"]
            ]
        return self._admin

    def close(self) -> None:
        """Disconnect."""
        if self._admin is not None:
            self._admin.close()
            self._admin = None


def _offset(committed: Any) -> int:
    return max(committed.offset, 0) if committed is not None else 0
