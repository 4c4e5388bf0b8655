"""Publishing for somebody who waits: any number of records, a bounded number of them on the way."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from services.shared import quick_publisher
from services.shared.errors import Retryable
from services.shared.quick_publisher import QuickPublisher
from services.shared.records import Outgoing
from services.shared.settings import KafkaSettings
from tests.builders import eventually


class Broker:
    """Stands for a producer: keeps what was sent until the test acknowledges it."""

    def __init__(self, **_: Any) -> None:
        self.waiting: list[Callable[[Any], None]] = []
        self.sent = self.most = 0

    def send(self, *_: Any, **__: Any) -> "Broker":
        self.sent += 1
        return self

    def add_callback(self, acknowledged: Callable[[Any], None]) -> None:
        self.waiting.append(acknowledged)
        self.most = max(self.most, len(self.waiting))

    def add_errback(self, failed: Callable[[BaseException], None]) -> None:
        pass

    def close(self, timeout: float) -> None:
        pass

    async def acknowledge(self) -> None:
        while True:
            while self.waiting:
                self.waiting.pop()(None)
            await asyncio.sleep(0)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(quick_publisher, "KafkaProducer", lambda **_: broker)
    return broker


@pytest.fixture
def publisher(broker: Broker) -> Iterator[QuickPublisher]:  # noqa: ARG001 - it is connected to this one
    publisher = QuickPublisher(KafkaSettings(bootstrap_servers="nowhere:1"), "tests", within=30, most=2500)
    publisher.start()
    eventually(lambda: publisher.connected)
    yield publisher
    publisher.close()


def records(count: int) -> list[Outgoing]:
    return [Outgoing("contacts", b"k", b"{}", [])] * count


@pytest.mark.requirement("R7.1")
def test_a_request_larger_than_the_bound_goes_in_slices(broker: Broker, publisher: QuickPublisher) -> None:
    async def publish() -> None:
        acknowledging = asyncio.create_task(broker.acknowledge())
        await publisher.publish(records(5001))
        acknowledging.cancel()

    asyncio.run(publish())
    assert broker.sent == 5001
    assert broker.most <= quick_publisher.SLICE


def test_what_is_on_its_way_stays_bounded(broker: Broker, publisher: QuickPublisher) -> None:
    async def publish() -> None:
        two = [asyncio.create_task(publisher.publish(records(5001))) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Retryable, match="too many requests"):
            await publisher.publish(records(501))
        acknowledging = asyncio.create_task(broker.acknowledge())
        await asyncio.gather(*two)
        await publisher.publish(records(501))
        acknowledging.cancel()

    asyncio.run(publish())
    assert broker.sent == 2 * 5001 + 501
