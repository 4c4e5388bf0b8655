"""Loads the deadlines of newly assigned partitions: first the ends of their events, then a snapshot (DESIGN 4)."""

import asyncio
import gc
import time
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError

from schemas.event import TicketEvent
from services.shared.observability import logs
from services.shared.observability.health_server import Health
from services.shared.postgres.database import Database
from services.shared.runtime.errors import Retryable
from services.sla_monitor import store
from services.sla_monitor.domain.partition_tracker import PartitionTracker
from services.sla_monitor.metrics import MonitorMetrics
from services.sla_monitor.settings import MonitorSettings

ROWS_PER_STEP = 2_000
"""Rows of a snapshot that are applied before ticks have their turn."""
BROKER_RETRY = 0.5
"""Real seconds between two attempts to reach the broker."""

log = logs.get(__name__)


class SnapshotLoader:
    """Fills the tracker's schedule for partitions that were added, for as long as they stay assigned.

    Args:
        on_progress: called whenever deadlines were added, since one of them may be due.

    """

    def __init__(
        self,
        tracker: PartitionTracker,
        consumer: AIOKafkaConsumer,
        database: Database,
        settings: MonitorSettings,
        health: Health,
        metrics: MonitorMetrics,
        on_progress: Callable[[], None],
    ) -> None:
        self._tracker = tracker
        self._consumer = consumer
        self._database = database
        self._settings = settings
        self._health = health
        self._metrics = metrics
        self._on_progress = on_progress

    async def load(self, partitions: frozenset[int], generation: int) -> None:
        """Read on from the ends of the partitions' events and load the deadlines of what was before; retries."""
        started, ends = time.monotonic(), await self._end_offsets(partitions)
        current = self._tracker.start_loading(ends, generation)
        for number in current:
            self._consumer.seek(TopicPartition(TicketEvent.TOPIC, number), ends[number])
        loaded = await self._load_rows(current, generation)
        for number in self._tracker.finish_loading(current, generation):
            self._health.mark_ready(f"partition {number}")
        seconds = time.monotonic() - started
        self._metrics.reload_seconds.set(seconds)
        self._metrics.reload_rows.set(loaded)
        log.info("loaded", partitions=sorted(current), tickets=loaded, seconds=round(seconds, 3))

    async def _end_offsets(self, partitions: frozenset[int]) -> dict[int, int]:
        """Return the end offsets: earlier events were published after they were saved, so the snapshot has them."""
        wanted = [TopicPartition(TicketEvent.TOPIC, number) for number in partitions]
        while True:
            try:
                ends = await self._consumer.end_offsets(wanted)
            except KafkaError as error:
                if not error.retriable and not isinstance(error, KafkaTimeoutError):
                    raise
                log.warning("broker_unavailable", error=type(error).__name__)
                await asyncio.sleep(BROKER_RETRY)
            else:
                return {partition.partition: offset for partition, offset in ends.items()}

    async def _load_rows(self, partitions: set[int], generation: int) -> int:
        """Load deadlines, nearest first, while the partitions stay assigned; returns how many were new."""
        failures = loaded = 0
        while True:
            chunks = store.load_deadlines(
                self._database, partitions, first=self._settings.first_load, chunk=self._settings.load_chunk
            )
            try:
                while self._tracker.still_assigned(partitions, generation) and (
                    chunk := await asyncio.to_thread(next, chunks, None)
                ):
                    for begin in range(0, len(chunk), ROWS_PER_STEP):
                        loaded += self._tracker.apply_snapshot(chunk[begin : begin + ROWS_PER_STEP], generation)
                        self._on_progress()
                        await asyncio.sleep(0)
                    # These rows live long: the garbage collector need not look through them.
                    gc.freeze()
            except Retryable as error:
                failures += 1
                self._health.mark_not_ready("snapshot", str(error))
                await asyncio.sleep(min(0.2 * 2**failures, 5.0))
            else:
                self._health.mark_ready("snapshot")
                return loaded
