"""The SLA monitor: consumes ticket events and sends a tick whenever a ticket's deadline has come."""

import asyncio
import gc
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from mode import Service

from schemas.event import TicketEvent
from services.shared.kafka.async_publisher import AsyncPublisher
from services.shared.kafka.connection import async_client_options, leave_group
from services.shared.kafka.dead_letters import Limits
from services.shared.kafka.faust_service import publish_dead_letters
from services.shared.kafka.kafka_errors import reading_error
from services.shared.kafka.producer import Unacknowledged
from services.shared.kafka.records import outgoing
from services.shared.observability import logs
from services.shared.observability.health_server import Health
from services.shared.postgres.database import Database
from services.shared.runtime.clock import Clock
from services.shared.runtime.crash_points import CrashPoints
from services.shared.runtime.errors import Retryable
from services.shared.runtime.instance import instance_name
from services.sla_monitor.domain.partition_tracker import NAME, AssignmentChange, PartitionTracker, tick
from services.sla_monitor.domain.schedule import NEVER, ScheduledTicket
from services.sla_monitor.events import parse_events
from services.sla_monitor.metrics import MonitorMetrics
from services.sla_monitor.settings import MonitorSettings
from services.sla_monitor.snapshot_loader import BROKER_RETRY, SnapshotLoader

GROUP = f"duban-{NAME}"
MAX_SLEEP = 0.5
"""Maximum real seconds between two searches for due tickets."""
MIN_SLEEP = 0.02
"""Real seconds between two batches of ticks: deadlines that come meanwhile are sent together."""
STATUS_INTERVAL = 2.0
"""Real seconds between two updates of the metrics and commits of positions."""

log = logs.get(__name__)


class Monitor(faust.Service):  # type: ignore[misc]  # the library has no types
    """Watches the deadlines of the partitions that the consumer group assigns to it."""

    def __init__(
        self,
        settings: MonitorSettings,
        database: Database,
        clock: Clock,
        health: Health,
        metrics: MonitorMetrics,
        publisher: AsyncPublisher,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._database = database
        self._clock = clock
        self._health = health
        self._metrics = metrics
        self._publisher = publisher
        self._tracker = PartitionTracker()
        self._wake_up = asyncio.Event()
        self._crash_points = CrashPoints(settings.faults, NAME)
        self._instance = instance_name(NAME, settings)
        self._consumer = AIOKafkaConsumer(
            **async_client_options(settings.kafka),
            group_id=GROUP,
            group_instance_id=self._instance,
            client_id=NAME,
            enable_auto_commit=False,
            # A position that is gone must not become a year of events: the deadlines are loaded again instead.
            auto_offset_reset="none",
            # When a member joins or leaves, the others keep the partitions that they have loaded.
            partition_assignment_strategy=[StickyPartitionAssignor],
            session_timeout_ms=settings.kafka.session_timeout_ms,
            # A rebalance ends only when every member has noticed it.
            heartbeat_interval_ms=min(1_000, settings.kafka.session_timeout_ms // 3),
            max_partition_fetch_bytes=2 * 1024 * 1024,
            # Events come hours before the deadlines they set: fewer responses, each with more in it.
            fetch_min_bytes=256 * 1024,
            fetch_max_wait_ms=100,
        )
        self._loader = SnapshotLoader(
            self._tracker, self._consumer, database, settings, health, metrics, self._wake_up.set
        )

    async def on_start(self) -> None:
        """Join the consumer group; called by the library.

        Raises:
            KafkaError: the broker is unavailable; the runner tries again with a new monitor.

        """
        try:
            await self._consumer.start()
            await self._publisher.connect()
        except KafkaError:
            # The next attempt creates another monitor; nobody else would close the connections of this one.
            await self._consumer.stop()
            await self._publisher.close()
            raise
        self._consumer.subscribe([TicketEvent.TOPIC], listener=_RebalanceListener(self))

    async def on_stop(self) -> None:
        """Leave the consumer group; called by the library."""
        await self._consumer.stop()
        await self._publisher.close()
        # A static member stays in the group until its session expires; the others need not wait for that.
        await asyncio.to_thread(leave_group, self._settings.kafka, GROUP, self._instance)

    # ---- assignments and events ----

    def on_assigned(self, partitions: set[int]) -> None:
        """Watch these partitions from here on, and no others; called after each rebalance."""
        self._watch(self._tracker.assign(partitions))

    def _watch(self, change: AssignmentChange) -> None:
        for number in change.removed:
            self._health.mark_ready(f"partition {number}")
        for number, offset in change.kept.items():
            self._consumer.seek(TopicPartition(TicketEvent.TOPIC, number), offset)
        self._health.report_assignment(self._tracker.partitions)
        log.info("assigned", kept=sorted(change.kept), added=sorted(change.added), removed=sorted(change.removed))
        for number in change.added:
            self._health.mark_not_ready(f"partition {number}", "its deadlines are being loaded")
        if change.added:
            # The client ignores an error raised here; a future of the service ends the service when it fails.
            self.add_future(self._loader.load(change.added, change.generation))

    @Service.task  # type: ignore[untyped-decorator]  # the library has no types
    async def consume_events(self) -> None:
        """Apply ticket events to the schedule as they come."""
        while not self.should_stop:
            self._health.heartbeat("consume_events")
            try:
                batch = await self._consumer.getmany(timeout_ms=200, max_records=5000)
            except OffsetOutOfRangeError as error:
                lost = {where.partition for where in error.args[0]}
                log.error("positions_lost", partitions=sorted(lost))  # noqa: TRY400 - it is mended here
                self._watch(self._tracker.reload(lost))
                await self.sleep(BROKER_RETRY)
                continue
            except NoOffsetForPartitionError:
                # A new group: the loader has not set the positions yet.
                await self.sleep(BROKER_RETRY)
                continue
            except KafkaError as error:
                if not error.retriable:
                    raise reading_error(error, NAME, (TicketEvent.TOPIC,)) or error from error
                log.warning("broker_unavailable", error=type(error).__name__)
                self._health.mark_not_ready("events", f"they cannot be read ({type(error).__name__})")
                await self.sleep(BROKER_RETRY)
                continue
            self._health.mark_ready("events")
            for partition, records in batch.items():
                self._apply_events(partition.partition, records)

    def _apply_events(self, partition: int, records: Sequence[Any]) -> None:
        # The schedule in memory is what this service saves; a crash before or after must lose nothing either.
        self._crash_points.reach("before_save")
        entries, invalid = parse_events(partition, records)
        self._tracker.apply_events(partition, entries, next_offset=records[-1].offset + 1)
        self._crash_points.reach("after_save")
        self._metrics.events.inc(len(records))
        self._wake_up.set()
        if invalid:
            limits = Limits.of(self._settings)
            # In the background: deadlines must not wait until database and broker have stored dead letters.
            self.add_future(
                publish_dead_letters(invalid, NAME, self._publisher, self._database, limits, lambda: self.should_stop)
            )

    @Service.task  # type: ignore[untyped-decorator]  # the library has no types
    async def report_status(self) -> None:
        """Update the metrics of the schedule and commit positions, every two seconds."""
        while not self.should_stop:
            schedule = self._tracker.schedule
            self._metrics.watched.set(len(schedule))
            self._metrics.heap.set(schedule.size)
            self._metrics.stale.set(1 - len(schedule) / (schedule.size or 1))
            gc.collect(1)
            gc.freeze()
            with suppress(KafkaError, TimeoutError):
                # Without a timeout the client would wait forever for an unavailable group coordinator.
                await asyncio.wait_for(self._commit_positions(), STATUS_INTERVAL)
            await self.sleep(STATUS_INTERVAL)

    async def _commit_positions(self) -> None:
        """Commit positions so that operators see the lag; the monitor itself never reads them."""
        positions = {partition: await self._consumer.position(partition) for partition in self._consumer.assignment()}
        ends = [(self._consumer.highwater(partition), position) for partition, position in positions.items()]
        self._metrics.lag.set(sum(max(end - position, 0) for end, position in ends if end is not None))
        if positions:
            self._crash_points.reach("before_offset_commit")
            await self._consumer.commit(positions)

    # ---- ticks ----

    @Service.task  # type: ignore[untyped-decorator]  # the library has no types
    async def send_due_ticks(self) -> None:
        """Send ticks for tickets whose deadline has come; what the broker did not acknowledge is sent again."""
        failures = 0
        while not self.should_stop:
            self._health.heartbeat("send_due_ticks")
            try:
                started, now = time.monotonic(), self._clock.now()
            except Retryable:
                # The clocks of this host and of the database are too far apart; /readyz says so.
                await self.sleep(MAX_SLEEP)
                continue
            due = self._tracker.take_due(now.timestamp(), self._settings.tick_batch)
            if not due:
                await self._wait_for_next_deadline(now)
                continue
            try:
                await self._send_ticks(due, now)
                failures = 0
                self._health.mark_ready("ticks")
                if len(due) < self._settings.tick_batch:
                    await self.sleep(started + MIN_SLEEP - time.monotonic())
            except Unacknowledged as error:
                failures += 1
                self._tracker.put_back(due)
                self._health.mark_not_ready("ticks", f"they cannot be sent ({error.reason})")
                await self.sleep(min(0.1 * 2**failures, 5.0))

    async def _wait_for_next_deadline(self, now: datetime) -> None:
        next_due, seconds = self._tracker.schedule.next_due(), MAX_SLEEP
        self._metrics.next_due.set(next_due)
        if next_due != NEVER:
            remaining = self._clock.real_seconds(timedelta(seconds=next_due - now.timestamp()))
            seconds = max(min(remaining, MAX_SLEEP), MIN_SLEEP)
        self._wake_up.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake_up.wait(), seconds)

    async def _send_ticks(self, due: Sequence[ScheduledTicket], now: datetime) -> None:
        records = [outgoing(tick(entry, now), NAME) for entry in due]
        sent_at = time.monotonic()
        publishing = asyncio.ensure_future(self._publisher.publish(records))
        await asyncio.sleep(0)
        self._crash_points.reach("mid_publish")
        # A tick that became a dead letter is not sent again: the ledger's sweeper finds what is overdue.
        rejected = [each.record for each in await publishing]
        sent = [entry for entry, record in zip(due, records, strict=True) if record not in rejected]
        self._metrics.ticks.inc(len(sent))
        took = self._clock.business_span(time.monotonic() - sent_at).total_seconds()
        for entry in sent:
            lateness = self._clock.real_seconds(timedelta(seconds=now.timestamp() + took - entry.at))
            self._metrics.lateness.observe(max(lateness, 0.0))


class _RebalanceListener(ConsumerRebalanceListener):  # type: ignore[misc]  # the library has no types
    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        self._monitor.on_assigned({each.partition for each in assigned})

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Do nothing: until the next assignment the monitor goes on with what it has (see `PartitionTracker`)."""
