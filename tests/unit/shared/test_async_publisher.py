"""The publisher on an event loop: dead letters for what is never taken, an end for what a person must mend."""

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from services.shared.kafka import dead_letters, producer
from services.shared.kafka.async_publisher import AsyncPublisher
from services.shared.kafka.producer import Unacknowledged
from services.shared.kafka.records import Outgoing
from services.shared.runtime.errors import ConfigurationError
from tests.unit.shared.kafka_client import SETTINGS, FakeKafkaClient, numbered_records


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeKafkaClient:
    client = FakeKafkaClient()
    monkeypatch.setattr(producer, "AIOKafkaProducer", client.create)
    return client


def publish(*calls: Sequence[Outgoing]) -> list[bytes | None]:
    """Publish several times by one publisher; return the values that were rejected."""

    async def body() -> list[bytes | None]:
        publisher = AsyncPublisher(SETTINGS, "tests")
        try:
            return [each.record.value for records in calls for each in await publisher.publish(records)]
        finally:
            await publisher.close()

    return asyncio.run(body())


def numbers(*left_out: int) -> list[bytes]:
    return [b"%d" % number for number in range(10) if number not in left_out]


@pytest.mark.requirement("R2.5")
def test_records_that_are_never_taken_become_dead_letters_and_hold_up_no_other(client: FakeKafkaClient) -> None:
    client.error_for = lambda topic, batch: (
        MessageSizeTooLargeError() if topic == "t" and {b"4", b"8"} & set(batch) else None
    )
    assert publish(numbered_records(*range(10))) == [b"4", b"8"]
    assert client.values("t") == numbers(4, 8)
    assert client.values(dead_letters.TOPIC) == [b"4", b"8"]
    assert client.starts == 1, "what a record causes is no reason to reconnect"


def test_a_dead_letter_that_is_too_large_itself_is_shortened(client: FakeKafkaClient) -> None:
    client.error_for = lambda _, batch: (
        MessageSizeTooLargeError() if any(len(value) > 100_000 for value in batch) else None
    )
    publish([Outgoing("t", b"k", bytes(200_000), [("ce_id", b"7")]), *numbered_records(1)])
    assert client.values("t") == [b"1"]
    assert client.values(dead_letters.TOPIC) == [bytes(dead_letters.MAX_KEPT_VALUE)]


def test_a_dead_letter_that_is_never_taken_ends_nothing(client: FakeKafkaClient) -> None:
    client.error_for = lambda _, batch: MessageSizeTooLargeError() if b"4" in batch else None
    assert publish(numbered_records(*range(10))) == [b"4"]
    assert client.values("t") == numbers(4)
    assert client.values(dead_letters.TOPIC) == []


def test_trouble_that_passes_is_the_callers_to_retry(client: FakeKafkaClient) -> None:
    client.error_for = lambda *_: KafkaConnectionError("gone")
    with pytest.raises(Unacknowledged):
        publish(numbered_records(1))


@pytest.mark.requirement("R7.2")
def test_an_error_of_the_configuration_ends_the_service_with_a_sentence(client: FakeKafkaClient) -> None:
    client.error_for = lambda *_: TopicAuthorizationFailedError("t")
    with pytest.raises(ConfigurationError, match="tests is not allowed to write to it"):
        publish(numbered_records(1))


def test_a_missing_topic_ends_the_service_once_it_is_certain(client: FakeKafkaClient) -> None:
    client.error_for = lambda *_: UnknownTopicOrPartitionError()

    async def body() -> list[type[Exception]]:
        publisher, raised = AsyncPublisher(SETTINGS, "tests"), list[type[Exception]]()
        for _ in range(3):
            try:
                await publisher.publish(numbered_records(1))
            except (Unacknowledged, ConfigurationError) as error:
                raised.append(type(error))
        await publisher.close()
        return raised

    assert asyncio.run(body()) == [Unacknowledged, Unacknowledged, ConfigurationError]
