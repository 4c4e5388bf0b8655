"""What the monitor does with a tick that can never be published: it is a dead letter, and the others are on time."""

import asyncio
import threading
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka.errors import MessageSizeTooLargeError
from prometheus_client import CollectorRegistry

from schemas.command import Command
from services.shared.kafka import dead_letters, producer
from services.shared.kafka.async_publisher import AsyncPublisher
from services.shared.observability.health_server import Health
from services.shared.runtime.clock import SystemClock
from services.sla_monitor import handlers
from services.sla_monitor.domain.schedule import ScheduledTicket
from services.sla_monitor.handlers import Monitor
from services.sla_monitor.metrics import MonitorMetrics
from services.sla_monitor.settings import MonitorSettings
from tests.unit.shared.kafka_client import SETTINGS, FakeKafkaClient

TICKETS = [uuid4() for _ in range(3)]


class FakeConsumer:
    """A consumer that is assigned partition 0, where no events are."""

    def __init__(self, **_: Any) -> None: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def subscribe(self, *_: Any, listener: Any) -> None:
        """Assign nothing: the test does."""

    def assignment(self) -> frozenset[int]:
        return frozenset()

    async def getmany(self, **_: Any) -> dict[Any, Any]:
        await asyncio.sleep(0.01)
        return {}


class FakeLoader:
    """Loads three tickets that are due."""

    def __init__(self, tracker: Any, *_: Any) -> None:
        self._tracker = tracker

    async def load(self, partitions: frozenset[int], generation: int) -> None:
        self._tracker.start_loading(dict.fromkeys(partitions, 0), generation)
        self._tracker.apply_snapshot([ScheduledTicket(1.0, 1, each.bytes, 0) for each in TICKETS], generation)
        self._tracker.finish_loading(partitions, generation)


def ticket_of(value: bytes) -> UUID:
    return Command.from_json(value).ticket_id


@pytest.mark.requirement("R4.9")
def test_a_tick_that_can_never_be_published_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    client, kept = FakeKafkaClient(), threading.Event()

    def error_for(topic: str, batch: list[bytes]) -> Exception | None:
        if topic == dead_letters.TOPIC:
            kept.set()
        elif TICKETS[1] in map(ticket_of, batch):
            error: Exception = MessageSizeTooLargeError()
            return error
        return None

    client.error_for = error_for
    monkeypatch.setattr(producer, "AIOKafkaProducer", client.create)
    monkeypatch.setattr(handlers, "AIOKafkaConsumer", FakeConsumer)
    monkeypatch.setattr(handlers, "SnapshotLoader", FakeLoader)
    monkeypatch.setattr(handlers, "leave_group", lambda *_: None)
    registry = CollectorRegistry()

    async def body() -> None:
        settings = MonitorSettings(instance="sla_monitor-0")
        database: Any = SimpleNamespace(server_time=lambda: datetime.now(UTC))
        publisher = AsyncPublisher(SETTINGS, "tests")
        monitor = Monitor(settings, database, SystemClock(), Health(), MonitorMetrics(registry), publisher)
        await monitor.start()
        monitor.on_assigned({0})
        assert await asyncio.to_thread(kept.wait, 10)
        await monitor.stop()
        assert monitor.crash_reason is None

    asyncio.run(body())
    assert {ticket_of(each) for each in client.values(Command.TOPIC)} == {TICKETS[0], TICKETS[2]}
    assert [ticket_of(each) for each in client.values(dead_letters.TOPIC)] == [TICKETS[1]]
    assert registry.get_sample_value("duban_monitor_ticks_total") == 2
