"""The producer: order within each partition, what was not acknowledged, and the choice of the partition."""

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka.errors import OutOfOrderSequenceNumber
from aiokafka.producer.message_accumulator import BatchBuilder
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner import DefaultPartitioner

from services.shared.kafka import producer
from services.shared.kafka.producer import Producer, Unacknowledged, partition
from services.shared.kafka.records import Outgoing
from tests.unit.shared.kafka_client import BATCH_CAPACITY, SETTINGS, FakeKafkaClient, numbered_records


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeKafkaClient:
    client = FakeKafkaClient()
    monkeypatch.setattr(producer, "AIOKafkaProducer", client.create)
    return client


def values(records: Sequence[Outgoing]) -> list[bytes | None]:
    return [record.value for record in records]


async def publish(*groups: list[Outgoing]) -> list[Unacknowledged | None]:
    """Publish one group after the other by the same producer; return the error of each."""
    tested, errors = Producer(SETTINGS, "tests", idempotent=True), list[Unacknowledged | None]()
    for records in groups:
        try:
            await tested.publish(records)
            errors.append(None)
        except Unacknowledged as error:
            errors.append(error)
    await tested.close()
    return errors


def test_records_that_do_not_fit_into_a_batch_follow_in_order(client: FakeKafkaClient) -> None:
    assert asyncio.run(publish(numbered_records(*range(10)))) == [None]
    assert list(client.stored.values()) == [[b"%d" % number for number in range(10)]]
    assert (client.starts, client.stops) == (1, 1)


def test_records_without_a_key_are_published_too(client: FakeKafkaClient) -> None:
    assert asyncio.run(publish(numbered_records(1, key=None), numbered_records(2, key=None))) == [None, None]
    assert sorted(client.stored) == [("t", 0), ("t", 1)]


def test_unacknowledged_records_are_reported_and_acknowledged_ones_not_resent(client: FakeKafkaClient) -> None:
    mixed = [Outgoing("t", b"%d" % (number % 7), b"%d" % number, []) for number in range(20)]
    asyncio.run(publish(mixed))
    expected, client.stored = client.stored, {}
    rejected = expected["t", 0][BATCH_CAPACITY + 1]
    client.error_for = lambda _, batch: OutOfOrderSequenceNumber() if rejected in batch else None
    (error,) = asyncio.run(publish(mixed))
    assert error is not None
    assert isinstance(error.__cause__, OutOfOrderSequenceNumber)
    # The first batch of each partition was stored; of the second batches only that of the other partition.
    missing = values(error.records)
    assert [value for value in missing if value in expected["t", 0]] == expected["t", 0][BATCH_CAPACITY:]
    assert [value for value in missing if value in expected["t", 1]] == expected["t", 1][2 * BATCH_CAPACITY :]


def test_after_a_failure_it_reconnects(client: FakeKafkaClient) -> None:
    client.error_for = lambda _, batch: OutOfOrderSequenceNumber() if batch == [b"1"] else None
    errors = asyncio.run(publish(numbered_records(1), numbered_records(2)))
    assert [error is None for error in errors] == [False, True]
    assert (client.starts, client.stops) == (2, 2)


def test_an_unavailable_broker_leaves_all_records_unacknowledged(client: FakeKafkaClient) -> None:
    client.unavailable = True
    (error,) = asyncio.run(publish(numbered_records(1, 2)))
    assert error is not None
    assert values(error.records) == [b"1", b"2"]
    assert error.reason == "KafkaConnectionError"


def test_a_record_larger_than_a_batch_goes_alone() -> None:
    size = producer.BATCH_BYTES
    batch = BatchBuilder(size, 0)
    large, small = ({"timestamp": None, "key": b"k", "value": bytes(length)} for length in (4 * size, 1))
    assert batch.append(**large) is not None
    assert batch.append(**small) is None


class FakeClusterMetadata:
    """What kafka-python's partitioner asks of the metadata of one topic."""

    def __init__(self, partitions: set[int]) -> None:
        self._partitions = partitions

    def topics(self) -> set[str]:
        return {"t"}

    def partitions_for_topic(self, _: str) -> set[int]:
        return self._partitions

    available_partitions_for_topic = partitions_for_topic


@given(key=st.binary(max_size=64), count=st.integers(1, 200))
def test_a_key_goes_to_the_partition_that_the_library_would_choose(key: bytes, count: int) -> None:
    """Every client has to choose the same partition, or a ticket's records lose their order."""
    cluster = FakeClusterMetadata(set(range(count)))
    assert partition(key, range(count)) == DefaultPartitioner().partition("t", key, key, b"", b"", cluster)
