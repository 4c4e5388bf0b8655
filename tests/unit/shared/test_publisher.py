"""The publisher: it retries until everything is acknowledged, stops when told to, and bounds what is in flight."""

from collections.abc import Callable, Sequence

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from services.shared.kafka import dead_letters, producer, publisher
from services.shared.kafka.dead_letter_admin import StoredDeadLetter
from services.shared.kafka.kafka_errors import InvalidRecordError
from services.shared.kafka.producer import Producer
from services.shared.kafka.publisher import CHUNK, CHUNK_BYTES, Publisher
from services.shared.kafka.records import Incoming, Outgoing
from services.shared.kafka.rejected_records import Unpublishable
from services.shared.runtime.errors import ConfigurationError, Retryable
from tests.unit.shared.kafka_client import SETTINGS, FakeKafkaClient, numbered_records


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeKafkaClient:
    client = FakeKafkaClient()
    monkeypatch.setattr(producer, "AIOKafkaProducer", client.create)
    return client


def test_it_retries_until_all_records_are_acknowledged(client: FakeKafkaClient) -> None:
    errors = iter([KafkaConnectionError("gone")])
    client.error_for = lambda _, batch: next(errors, None) if b"4" in batch else None
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


def too_large(value: bytes) -> Callable[[str, list[bytes]], Exception | None]:
    """Refuse the batches that hold a value until it was refused alone: after that it comes as a dead letter."""
    alone: list[bool] = []

    def error_for(_: str, batch: list[bytes]) -> Exception | None:
        if value not in batch or any(alone):
            return None
        alone.append(len(batch) == 1)
        refused: Exception = MessageSizeTooLargeError()
        return refused

    return error_for


@pytest.mark.requirement("R2.5")
def test_a_record_that_is_too_large_alone_becomes_a_dead_letter(client: FakeKafkaClient) -> None:
    client.error_for = too_large(b"4")
    tested = Publisher(SETTINGS, "tests", service="tests")
    tested.publish(numbered_records(*range(10)))
    tested.close()
    assert client.values("t") == [b"%d" % number for number in range(10) if number != 4]
    assert client.values(dead_letters.TOPIC) == [b"4"]


def test_a_batch_of_good_records_that_is_too_large_is_divided(client: FakeKafkaClient) -> None:
    client.error_for = lambda _, batch: MessageSizeTooLargeError() if len(batch) > 1 else None
    tested = Publisher(SETTINGS, "tests", service="tests")
    tested.publish(numbered_records(*range(10)))
    tested.close()
    assert client.values("t") == [b"%d" % number for number in range(10)]
    assert client.values(dead_letters.TOPIC) == []


def test_what_was_refused_for_good_is_an_error_where_nothing_keeps_it(client: FakeKafkaClient) -> None:
    client.error_for = lambda _, batch: InvalidRecordError() if b"1" in batch else None
    tested = Publisher(SETTINGS, "tests")
    with pytest.raises(Unpublishable, match="never take it"):
        tested.publish(numbered_records(0, 1, 2))
    tested.close()


def test_a_dead_letter_that_is_too_large_itself_is_shortened(client: FakeKafkaClient) -> None:
    client.error_for = lambda _, batch: (
        MessageSizeTooLargeError() if any(len(value) > 100_000 for value in batch) else None
    )
    tested = Publisher(SETTINGS, "tests", service="tests")
    tested.publish([Outgoing("t", b"k", bytes(200_000), [("ce_id", b"7")]), *numbered_records(1)])
    tested.close()
    assert client.values("t") == [b"1"]
    assert client.values(dead_letters.TOPIC) == [bytes(dead_letters.MAX_KEPT_VALUE)]


def test_a_dead_letter_of_a_refused_record_names_topic_key_and_ids() -> None:
    refused = Outgoing("tickets.state", b"k", b"{}", [("ce_id", b"7")])
    letter = dead_letters.truncated(dead_letters.unpublished_record(refused, "ledger", "too_large", "the record"))
    stored = StoredDeadLetter.from_record(Incoming("d", 0, 0, letter.key, letter.value, letter.headers))
    assert (stored.details["topic"], stored.details["reason"], stored.key) == ("tickets.state", "too_large", b"k")
    assert (stored.headers, stored.details["truncated"]) == ([("ce_id", b"7")], "2")


@pytest.mark.requirement("R7.2")
def test_an_error_of_the_configuration_ends_the_service_with_a_sentence(client: FakeKafkaClient) -> None:
    client.error_for = lambda *_: TopicAuthorizationFailedError("t")
    tested = Publisher(SETTINGS, "tests", service="tests")
    with pytest.raises(ConfigurationError, match="tests is not allowed to write to it"):
        tested.publish(numbered_records(1))
    tested.close()


def test_a_missing_topic_ends_the_service_once_it_is_certain(
    client: FakeKafkaClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "_pause", lambda *_: None)
    errors = iter([UnknownTopicOrPartitionError()] * 2)
    client.error_for = lambda *_: next(errors, None)
    tested = Publisher(SETTINGS, "tests", service="tests")
    tested.publish(numbered_records(1))
    client.error_for = lambda *_: UnknownTopicOrPartitionError()
    with pytest.raises(ConfigurationError, match="one of t does not exist; run `duban topics create`"):
        tested.publish(numbered_records(2))
    tested.close()


@pytest.mark.requirement("R7.2")
def test_waiting_for_the_broker_is_reported_until_it_is_over(
    client: FakeKafkaClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "_pause", lambda *_: None)
    errors = iter([KafkaConnectionError("gone")] * 2)
    client.error_for = lambda *_: next(errors, None)
    reports: list[str | None] = []
    tested = Publisher(SETTINGS, "tests", service="tests", on_waiting=reports.append)
    tested.publish(numbered_records(1))
    tested.publish(numbered_records(2))
    tested.close()
    assert reports == ["the broker does not take records (KafkaConnectionError)", None]


def test_a_topic_that_was_given_more_partitions_stops_the_service(client: FakeKafkaClient) -> None:
    """Records of a key would leave their order."""
    publisher = Publisher(SETTINGS.model_copy(update={"partitions": 12}), "tests")
    with pytest.raises(ConfigurationError, match=r"docs/partitions\.md"):
        publisher.publish(numbered_records(1))
    publisher.close()
    assert client.stored == {}
