"""Reads ticks and warnings beside the system and records when each could be read."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.command import Command
from schemas.event import TicketEvent
from tests.load import tickets

FETCH_WAIT_MS = 20
"""Milliseconds between two responses of the broker; more frequent fetches would slow down what is measured."""
TOPICS = (Command.TOPIC, TicketEvent.TOPIC)


@dataclass
class SeenRecords:
    """Times at which a reader got the records of each ticket, in seconds since the epoch.

    Attributes:
        ticks: times of the monitor's ticks.
        warnings: times of the ledger's warnings.

    """

    ticks: dict[UUID, list[float]] = field(default_factory=dict)
    warnings: dict[UUID, list[float]] = field(default_factory=dict)

    def add(self, record: Any, now: float) -> None:
        """Add a record of either topic, if it is a tick or a warning."""
        if record.topic == TicketEvent.TOPIC:
            if dict(record.headers).get("ce_type") == b"duban.ticket.warned":
                self.warnings.setdefault(UUID(record.key.decode()), []).append(now)
        elif b'"type":"tick"' in record.value and b'"sla_monitor"' in record.value:
            self.ticks.setdefault(UUID(record.key.decode()), []).append(now)


@contextmanager
def recording(bootstrap_servers: str) -> Iterator[SeenRecords]:
    """Record ticks and warnings that are published while the block runs."""
    seen, ready, stopping = SeenRecords(), threading.Event(), threading.Event()

    async def read() -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap_servers, fetch_max_wait_ms=FETCH_WAIT_MS, fetch_min_bytes=1024 * 1024
        )
        await consumer.start()
        consumer.assign([TopicPartition(name, number) for name in TOPICS for number in range(tickets.PARTITIONS)])
        await consumer.seek_to_end()
        ready.set()
        while not stopping.is_set():
            for records in (await consumer.getmany(timeout_ms=200)).values():
                now = time.time()
                for record in records:
                    seen.add(record, now)
        await consumer.stop()

    thread = threading.Thread(target=lambda: asyncio.run(read()), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield seen
    finally:
        stopping.set()
        thread.join()
