"""The publisher: it retries until everything is acknowledged, stops when told to, and bounds what is in flight."""

from collections.abc import Sequence

import pytest
from aiokafka.errors import KafkaConnectionError

from services.shared.kafka import producer
from services.shared.kafka.producer import Producer
from services.shared.kafka.publisher import CHUNK, CHUNK_BYTES, Publisher
from services.shared.kafka.records import Outgoing
from services.shared.runtime.errors import Retryable
from tests.unit.shared.kafka_client import SETTINGS, FakeKafkaClient, numbered_records


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeKafkaClient:
    client = FakeKafkaClient()
    monkeypatch.setattr(producer, "AIOKafkaProducer", client.create)
    return client


def test_it_retries_until_all_records_are_acknowledged(client: FakeKafkaClient) -> None:
    errors = iter([KafkaConnectionError("gone")])
    client.error_for = lambda batch: next(errors, None) if b"4" in batch else None
    publisher, counts_halfway = Publisher(SETTINGS, "tests"), list[int]()
    publisher.publish(numbered_records(*range(10)), halfway=lambda: counts_halfway.append(client.stored_count))
    publisher.close()
    assert list(client.stored.values()) == [[b"%d" % number for number in range(10)]]
    assert counts_halfway == [5]


def test_it_does_not_wait_for_the_broker_while_the_service_stops(client: FakeKafkaClient) -> None:
    client.unavailable = True
    publisher = Publisher(SETTINGS, "tests")
    with pytest.raises(Retryable, match="stopped"):
        publisher.publish(numbered_records(1), should_stop=lambda: True)
    publisher.close()


def test_records_and_bytes_in_flight_are_bounded(client: FakeKafkaClient, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    publish = Producer.publish

    async def count_and_publish(self: Producer, records: Sequence[Outgoing]) -> None:
        sizes.append(len(records))
        await publish(self, records)

    monkeypatch.setattr(Producer, "publish", count_and_publish)
    publisher = Publisher(SETTINGS, "tests")
    publisher.publish(numbered_records(*range(CHUNK + 1)))
    publisher.publish([Outgoing("t", b"k", bytes(CHUNK_BYTES + 1), [])] * 2)
    publisher.close()
    assert sizes == [CHUNK, 1, 1, 1]
    assert client.stored_count == CHUNK + 3
