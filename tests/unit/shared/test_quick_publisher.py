"""Publishing for somebody who waits: any number of records, a bounded number of them on the way, and not for long."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from services.shared.kafka import request_publisher
from services.shared.kafka.producer import Unacknowledged
from services.shared.kafka.records import Outgoing
from services.shared.kafka.request_publisher import RequestPublisher
from services.shared.runtime.errors import Retryable
from services.shared.runtime.settings import KafkaSettings
from tests.builders import eventually


class Broker:
    """Stands for a producer: keeps what was sent until the test lets it go on."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.waiting = self.sent = self.most = 0
        self.takes = True

    def producer(self, *_: Any, **__: Any) -> "Broker":
        return self

    async def connect(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def publish(self, records: Sequence[Outgoing]) -> None:
        self.waiting += len(records)
        self.most = max(self.most, self.waiting)
        await asyncio.to_thread(self.goes_on.wait)
        self.waiting -= len(records)
        if not self.takes:
            raise Unacknowledged(records) from KafkaConnectionError("gone")
        self.sent += len(records)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(request_publisher, "Producer", broker.producer)
    return broker


@pytest.fixture
def publisher(broker: Broker) -> Iterator[RequestPublisher]:  # noqa: ARG001 - it is connected to this one
    publisher = RequestPublisher(KafkaSettings(bootstrap_servers="nowhere:1"), "tests", within=30, most=2500)
    publisher.start()
    eventually(lambda: publisher.connected)
    yield publisher
    publisher.close()


def records(count: int) -> list[Outgoing]:
    return [Outgoing("contacts", b"k", b"{}", [])] * count


@pytest.mark.requirement("R7.1")
def test_a_request_larger_than_the_bound_goes_in_slices(broker: Broker, publisher: RequestPublisher) -> None:
    broker.goes_on.set()
    asyncio.run(publisher.publish(records(5001)))
    assert broker.sent == 5001
    assert broker.most <= request_publisher.SLICE


def test_what_is_on_its_way_stays_bounded(broker: Broker, publisher: RequestPublisher) -> None:
    async def publish() -> None:
        two = [asyncio.create_task(publisher.publish(records(5001))) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Retryable, match="too many requests"):
            await publisher.publish(records(501))
        broker.goes_on.set()
        await asyncio.gather(*two)
        await publisher.publish(records(501))

    asyncio.run(publish())
    assert broker.sent == 2 * 5001 + 501


def test_a_broker_that_does_not_take_it_is_told(broker: Broker, publisher: RequestPublisher) -> None:
    broker.goes_on.set()
    broker.takes = False
    with pytest.raises(Retryable, match="did not take the record"):
        asyncio.run(publisher.publish(records(1)))


def test_a_broker_that_does_not_answer_is_not_waited_for_longer_than_told(broker: Broker) -> None:
    publisher = RequestPublisher(KafkaSettings(bootstrap_servers="nowhere:1"), "tests", within=0.01, most=10)
    publisher.start()
    eventually(lambda: publisher.connected)
    with pytest.raises(Retryable, match="in time"):
        asyncio.run(publisher.publish(records(1)))
    broker.goes_on.set()
    publisher.close()
