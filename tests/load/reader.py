"""Who reads beside the system: when ticks and warnings were there to be read."""

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

PACE_MS = 20
"""Milliseconds between two answers of the broker: what it is asked more often is taken from what is measured."""
TOPICS = (Command.TOPIC, TicketEvent.TOPIC)


@dataclass
class Seen:
    """When a reader had what: every moment for each ticket, in seconds since 1970."""

    ticks: dict[UUID, list[float]] = field(default_factory=dict)
    warned: dict[UUID, list[float]] = field(default_factory=dict)

    def note(self, record: Any, now: float) -> None:
        """Note a record of either topic."""
        if record.topic == TicketEvent.TOPIC:
            if dict(record.headers).get("ce_type") == b"duban.ticket.warned":
                self.warned.setdefault(UUID(record.key.decode()), []).append(now)
        elif b'"type":"tick"' in record.value and b'"sla_monitor"' in record.value:
            self.ticks.setdefault(UUID(record.key.decode()), []).append(now)


@contextmanager
def reading(bootstrap_servers: str) -> Iterator[Seen]:
    """Note what comes while the block runs."""
    seen, ready, stopping = Seen(), threading.Event(), threading.Event()

    async def read() -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap_servers, fetch_max_wait_ms=PACE_MS, fetch_min_bytes=1024 * 1024
        )
        await consumer.start()
        consumer.assign([TopicPartition(name, each) for name in TOPICS for each in range(tickets.PARTITIONS)])
        await consumer.seek_to_end()
        ready.set()
        while not stopping.is_set():
            for records in (await consumer.getmany(timeout_ms=200)).values():
                now = time.time()
                for record in records:
                    seen.note(record, now)
        await consumer.stop()

    thread = threading.Thread(target=lambda: asyncio.run(read()), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield seen
    finally:
        stopping.set()
        thread.join()
