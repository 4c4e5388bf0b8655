"""The publisher for requests: any number of records, a bounded number in flight, and a bounded wait."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError, TopicAuthorizationFailedError

from services.shared.kafka import request_publisher
from services.shared.kafka.kafka_errors import RECORD_ERRORS, InvalidRecordError
from services.shared.kafka.producer import Unacknowledged
from services.shared.kafka.records import Outgoing
from services.shared.kafka.rejected_records import Unpublishable
from services.shared.kafka.request_publisher import RequestPublisher
from services.shared.runtime.errors import ConfigurationError, Retryable
from tests.builders import eventually
from tests.unit.shared.kafka_client import SETTINGS


class PausedProducer:
    """A producer whose sends wait until the test sets `resume`.

    Attributes:
        in_flight, max_in_flight: records that wait now, and at most so far.
        sent: records that were acknowledged.
        acknowledges: whether the broker acknowledges what is sent.
        error: with which it refuses every batch that holds `refused`.

    """

    def __init__(self) -> None:
        self.resume = threading.Event()
        self.in_flight = self.sent = self.max_in_flight = 0
        self.acknowledges = True
        self.refused, self.error = b"", Exception()

    def create(self, *_: Any, **__: Any) -> "PausedProducer":
        """Take the place of the producer's class."""
        return self

    async def connect(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def publish(self, records: Sequence[Outgoing]) -> None:
        self.in_flight += len(records)
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        await asyncio.to_thread(self.resume.wait)
        self.in_flight -= len(records)
        if any(record.value == self.refused for record in records):
            raise Unacknowledged(records, len(records) * (type(self.error) in RECORD_ERRORS)) from self.error
        if not self.acknowledges:
            raise Unacknowledged(records) from KafkaConnectionError("gone")
        self.sent += len(records)


@pytest.fixture
def producer(monkeypatch: pytest.MonkeyPatch) -> PausedProducer:
    producer = PausedProducer()
    monkeypatch.setattr(request_publisher, "Producer", producer.create)
    return producer


@pytest.fixture
def publisher(producer: PausedProducer) -> Iterator[RequestPublisher]:  # noqa: ARG001 - it is connected to this one
    publisher = RequestPublisher(SETTINGS, "tests", timeout=30, max_in_flight=2500)
    publisher.start()
    eventually(lambda: publisher.connected)
    yield publisher
    publisher.close()


def records(count: int) -> list[Outgoing]:
    return [Outgoing("contacts", b"k", b"{}", [])] * count


@pytest.mark.requirement("R7.1")
def test_a_request_larger_than_the_bound_goes_in_slices(producer: PausedProducer, publisher: RequestPublisher) -> None:
    producer.resume.set()
    asyncio.run(publisher.publish(records(5001)))
    assert producer.sent == 5001
    assert producer.max_in_flight <= request_publisher.SLICE


def test_records_in_flight_are_bounded(producer: PausedProducer, publisher: RequestPublisher) -> None:
    async def publish() -> None:
        two = [asyncio.create_task(publisher.publish(records(5001))) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Retryable, match="too many requests"):
            await publisher.publish(records(501))
        producer.resume.set()
        await asyncio.gather(*two)
        await publisher.publish(records(501))

    asyncio.run(publish())
    assert producer.sent == 2 * 5001 + 501


def test_a_record_that_the_broker_does_not_take_is_an_error(
    producer: PausedProducer, publisher: RequestPublisher
) -> None:
    producer.resume.set()
    producer.acknowledges = False
    with pytest.raises(Retryable, match="did not take the record"):
        asyncio.run(publisher.publish(records(1)))


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize(
    ("error", "reason"), [(MessageSizeTooLargeError(), "too_large"), (InvalidRecordError(), "not_published")]
)
def test_a_record_that_can_never_be_published_is_named_and_its_neighbours_go_on(
    producer: PausedProducer, publisher: RequestPublisher, error: Exception, reason: str
) -> None:
    producer.resume.set()
    producer.refused, producer.error = b"bad", error
    bad = Outgoing("contacts", b"k", b"bad", [])
    with pytest.raises(Unpublishable) as raised:
        asyncio.run(publisher.publish([*records(1500), bad, *records(700)]))
    (rejected,) = raised.value.rejected
    assert rejected.record is bad
    assert rejected.reason == reason
    assert producer.sent == 2200


@pytest.mark.requirement("R7.2")
def test_an_error_of_the_configuration_is_not_one_of_the_record(
    producer: PausedProducer, publisher: RequestPublisher
) -> None:
    producer.resume.set()
    producer.refused, producer.error = b"{}", TopicAuthorizationFailedError("contacts")
    with pytest.raises(ConfigurationError, match="tests is not allowed to write to it"):
        asyncio.run(publisher.publish(records(1)))


def test_a_broker_that_does_not_answer_is_an_error_after_the_timeout(producer: PausedProducer) -> None:
    publisher = RequestPublisher(SETTINGS, "tests", timeout=0.01, max_in_flight=10)
    publisher.start()
    eventually(lambda: publisher.connected)
    with pytest.raises(Retryable, match="in time"):
        asyncio.run(publisher.publish(records(1)))
    producer.resume.set()
    publisher.close()
