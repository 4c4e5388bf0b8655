"""Producing: what the broker did not take is told, in order; nothing overtakes another record of its partition."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, OutOfOrderSequenceNumber
from aiokafka.producer.message_accumulator import BatchBuilder

from services.shared.kafka import producer
from services.shared.kafka.producer import Producer, Unacknowledged
from services.shared.kafka.publisher import CHUNK, CHUNK_BYTES, Publisher
from services.shared.kafka.records import Outgoing
from services.shared.runtime.errors import Retryable
from services.shared.runtime.settings import KafkaSettings

SETTINGS = KafkaSettings(bootstrap_servers="nowhere:1")
ROOM = 3
"""Records in a batch."""


class Broker:
    """Stands for the client's producers and the broker behind them: two partitions a topic, each an ordered list."""

    def __init__(self) -> None:
        self.had: dict[tuple[str, int], list[bytes]] = {}
        self.connected = self.stopped = 0
        self.refuses: Callable[[list[bytes]], Exception | None] = lambda _: None
        self.away = False

    def producer(self, **_: Any) -> "Broker":
        return self

    async def start(self) -> None:
        if self.away:
            raise KafkaConnectionError("nobody there")
        self.connected += 1

    async def stop(self) -> None:
        self.stopped += 1

    async def partitions_for(self, _: str) -> set[int]:
        return {0, 1}

    def create_batch(self) -> "Batch":
        return Batch()

    async def send_batch(self, batch: "Batch", topic: str, *, partition: int) -> "asyncio.Future[None]":
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if (error := self.refuses(batch.inside)) is not None:
            sent.set_exception(error)
        else:
            self.had.setdefault((topic, partition), []).extend(batch.inside)
            sent.set_result(None)
        return sent


class Batch:
    """A batch with room for few records."""

    def __init__(self) -> None:
        self.inside: list[bytes] = []
        self.closed = False

    def append(self, *, value: bytes, **_: Any) -> object | None:
        # As the client does: once one found no room, none after it does.
        self.closed = self.closed or len(self.inside) == ROOM
        if self.closed:
            return None
        self.inside.append(value)
        return object()


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(producer, "AIOKafkaProducer", broker.producer)
    return broker


def records(*numbers: int, key: bytes | None = b"k") -> list[Outgoing]:
    return [Outgoing("t", key, b"%d" % each, []) for each in numbers]


def values(told: Sequence[Outgoing]) -> list[bytes | None]:
    return [each.value for each in told]


async def publish(*rounds: list[Outgoing]) -> list[Unacknowledged | None]:
    """Publish one list after the other by the same producer; return what each failed with."""
    one, failures = Producer(SETTINGS, "tests", idempotent=True), list[Unacknowledged | None]()
    for each in rounds:
        try:
            await one.publish(each)
            failures.append(None)
        except Unacknowledged as failure:
            failures.append(failure)
    await one.close()
    return failures


def test_what_finds_no_room_in_a_batch_follows_in_order(broker: Broker) -> None:
    assert asyncio.run(publish(records(*range(10)))) == [None]
    assert list(broker.had.values()) == [[b"%d" % each for each in range(10)]]
    assert (broker.connected, broker.stopped) == (1, 1)


def test_records_without_a_key_are_published_too(broker: Broker) -> None:
    assert asyncio.run(publish(records(1, key=None), records(2, key=None))) == [None, None]
    assert sorted(broker.had) == [("t", 0), ("t", 1)]


def test_what_was_not_acknowledged_is_told_and_what_was_is_not_sent_again(broker: Broker) -> None:
    mixed = [Outgoing("t", b"%d" % (each % 7), b"%d" % each, []) for each in range(20)]
    asyncio.run(publish(mixed))
    whole, broker.had = broker.had, {}
    bad = whole["t", 0][ROOM + 1]
    broker.refuses = lambda inside: OutOfOrderSequenceNumber() if bad in inside else None
    (failure,) = asyncio.run(publish(mixed))
    assert failure is not None
    assert isinstance(failure.__cause__, OutOfOrderSequenceNumber)
    # The first batch of each partition was taken; of the second only that of the other partition.
    assert [value for value in values(failure.records) if value in whole["t", 0]] == whole["t", 0][ROOM:]
    assert [value for value in values(failure.records) if value in whole["t", 1]] == whole["t", 1][2 * ROOM :]


def test_after_a_failure_it_connects_anew(broker: Broker) -> None:
    broker.refuses = lambda inside: OutOfOrderSequenceNumber() if inside == [b"1"] else None
    failures = asyncio.run(publish(records(1), records(2)))
    assert [failure is None for failure in failures] == [False, True]
    assert (broker.connected, broker.stopped) == (2, 2)


def test_a_broker_that_is_away_is_told_with_all_records(broker: Broker) -> None:
    broker.away = True
    (failure,) = asyncio.run(publish(records(1, 2)))
    assert failure is not None
    assert values(failure.records) == [b"1", b"2"]
    assert failure.reason == "KafkaConnectionError"


def test_a_publisher_goes_on_until_all_are_acknowledged(broker: Broker) -> None:
    refused = iter([KafkaConnectionError("gone")])
    broker.refuses = lambda inside: next(refused, None) if b"4" in inside else None
    publisher, halves = Publisher(SETTINGS, "tests"), list[int]()
    publisher.publish(records(*range(10)), halfway=lambda: halves.append(sum(map(len, broker.had.values()))))
    publisher.close()
    assert list(broker.had.values()) == [[b"%d" % each for each in range(10)]]
    assert halves == [5]


def test_a_publisher_that_is_told_to_stop_does_not_wait(broker: Broker) -> None:
    broker.away = True
    publisher = Publisher(SETTINGS, "tests")
    with pytest.raises(Retryable, match="stopped"):
        publisher.publish(records(1), stopped=lambda: True)
    publisher.close()


def test_what_is_on_its_way_at_once_is_bounded(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    groups: list[int] = []
    publish = Producer.publish

    async def counted(self: Producer, told: Sequence[Outgoing]) -> None:
        groups.append(len(told))
        await publish(self, told)

    monkeypatch.setattr(Producer, "publish", counted)
    publisher = Publisher(SETTINGS, "tests")
    publisher.publish(records(*range(CHUNK + 1)))
    publisher.publish([Outgoing("t", b"k", bytes(CHUNK_BYTES + 1), [])] * 2)
    publisher.close()
    assert groups == [CHUNK, 1, 1, 1]
    assert sum(map(len, broker.had.values())) == CHUNK + 3


def test_a_record_larger_than_a_batch_goes_alone() -> None:
    batch = BatchBuilder(producer.BATCH, 0)
    large, small = ({"timestamp": None, "key": b"k", "value": bytes(size)} for size in (4 * producer.BATCH, 1))
    assert batch.append(**large) is not None
    assert batch.append(**small) is None
