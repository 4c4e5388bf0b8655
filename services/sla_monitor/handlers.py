"""The monitor's work: take in what tickets say of their clocks, and send a tick when a time has come."""

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
from aiokafka.errors import KafkaError, KafkaTimeoutError
from mode import Service

from schemas.event import TicketEvent
from services.shared.kafka.connection import asynchronous, leave
from services.shared.kafka.faust_service import bury
from services.shared.kafka.producer import Producer, Unacknowledged
from services.shared.kafka.records import outgoing
from services.shared.observability import logs
from services.shared.observability.health_server import Health
from services.shared.postgres.database import Database
from services.shared.runtime.clock import Clock
from services.shared.runtime.crash_points import CrashPoints
from services.shared.runtime.errors import Retryable
from services.sla_monitor import store
from services.sla_monitor.domain.partition_tracker import NAME, PartitionTracker, tick
from services.sla_monitor.domain.schedule import NEVER, ScheduledTicket
from services.sla_monitor.events import read
from services.sla_monitor.metrics import MonitorMetrics
from services.sla_monitor.settings import MonitorSettings
from services.sla_monitor.trusted_clock import TrustedClock

GROUP = f"duban-{NAME}"
LONGEST_SLEEP = 0.5
"""Real seconds between two looks at the heap when nothing is due sooner."""
PACE = 0.02
"""Real seconds between two looks at the least: what comes due meanwhile is sent together."""
LOOK_AROUND = 2.0
"""Real seconds between two looks at what is watched, for operations."""
AT_ONCE = 2_000
"""Rows of a snapshot that are taken in before ticks have their turn."""
AWAY = 0.5
"""Real seconds between two attempts to reach the broker."""
LOOK_AT_CLOCK = 1.0
"""Real seconds between two looks whether the clock has to be checked."""

log = logs.get(__name__)


class Monitor(faust.Service):  # type: ignore[misc]  # the library has no types
    """Watches the clocks of the partitions that the group gives it."""

    def __init__(
        self,
        settings: MonitorSettings,
        database: Database,
        clock: Clock,
        health: Health,
        metrics: MonitorMetrics,
        producer: Producer,
    ) -> None:
        super().__init__()
        self._watch = PartitionTracker()
        self._settings = settings
        self._database = database
        self._clock = clock
        self._health = health
        self._metrics = metrics
        self._wake = asyncio.Event()
        self._time = TrustedClock(database, clock, metrics)
        self._producer = producer
        self._faults = CrashPoints(settings.faults, NAME)
        self._instance = settings.instance or f"{NAME}-0"
        self._consumer = AIOKafkaConsumer(
            **asynchronous(settings.kafka),
            group_id=GROUP,
            group_instance_id=self._instance,
            client_id=NAME,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            # Whoever joins or leaves, the others keep what they have loaded.
            partition_assignment_strategy=[StickyPartitionAssignor],
            session_timeout_ms=settings.kafka.session_timeout_ms,
            # A rebalance is over when every member has noticed it.
            heartbeat_interval_ms=min(1_000, settings.kafka.session_timeout_ms // 3),
            max_partition_fetch_bytes=2 * 1024 * 1024,
            # News of a ticket comes hours before its deadlines: fewer answers of the broker, each with more in it.
            fetch_min_bytes=256 * 1024,
            fetch_max_wait_ms=100,
        )

    async def on_start(self) -> None:
        """Join the group."""
        try:
            await self._consumer.start()
            await self._producer.connect()
        except KafkaError:
            # Who starts it anew makes another; this one has connections that nobody else would close.
            await self._consumer.stop()
            await self._producer.close()
            raise
        self._consumer.subscribe([TicketEvent.TOPIC], listener=_Partitions(self))

    async def on_stop(self) -> None:
        """Leave the group."""
        await self._consumer.stop()
        await self._producer.close()
        # Told to stop, it may stay away: the others need not wait for the session's end, and a restart joins anew.
        await asyncio.to_thread(leave, self._settings.kafka, GROUP, self._instance)

    # ---- what is known ----

    def assigned(self, partitions: set[int]) -> None:
        """Watch these partitions from here on, and no others."""
        told = self._watch.assigned(partitions)
        for each in told.lost:
            self._health.have(f"partition {each}")
        for partition, offset in told.kept.items():
            self._consumer.seek(TopicPartition(TicketEvent.TOPIC, partition), offset)
        log.info("assigned", kept=sorted(told.kept), new=sorted(told.new), lost=sorted(told.lost))
        for each in told.new:
            self._health.lack(f"partition {each}", "its clocks are being loaded")
        if told.new:
            # The library goes on whatever happens here; a future of the service's own ends the service when it fails.
            self.add_future(self._begin(told.new, told.run))

    async def _begin(self, partitions: frozenset[int], run: int) -> None:
        """Read on from the ends of partitions, and load the clocks of what was before, however often it takes."""
        began, ends = time.monotonic(), await self._ends(partitions)
        current = self._watch.begin(ends, run)
        for each in current:
            self._consumer.seek(TopicPartition(TicketEvent.TOPIC, each), ends[each])
        loaded = await self._load(current, run)
        for each in self._watch.loaded(current, run):
            self._health.have(f"partition {each}")
        spent = time.monotonic() - began
        self._metrics.reload_seconds.set(spent)
        self._metrics.reload_rows.set(loaded)
        log.info("loaded", partitions=sorted(current), tickets=loaded, seconds=round(spent, 3))

    async def _ends(self, partitions: frozenset[int]) -> dict[int, int]:
        """Return the ends: events below were published after the database had them, so the snapshot knows them."""
        where = [TopicPartition(TicketEvent.TOPIC, each) for each in partitions]
        while True:
            try:
                return {each.partition: at for each, at in (await self._consumer.end_offsets(where)).items()}
            except KafkaError as error:
                if not error.retriable and not isinstance(error, KafkaTimeoutError):
                    raise
                log.warning("broker_away", error=type(error).__name__)
                await asyncio.sleep(AWAY)

    async def _load(self, partitions: set[int], run: int) -> int:
        """Load the clocks of partitions, nearest first, as long as they are watched; returns how many were news."""
        failures = loaded = 0
        while True:
            chunks = store.clocks(
                self._database, partitions, first=self._settings.first_load, chunk=self._settings.load_chunk
            )
            try:
                while self._watch.current(partitions, run) and (chunk := await asyncio.to_thread(next, chunks, None)):
                    for at in range(0, len(chunk), AT_ONCE):
                        loaded += self._watch.rows(chunk[at : at + AT_ONCE])
                        self._wake.set()
                        await asyncio.sleep(0)
                    # What was loaded stays for long: no collector of cycles need look through it.
                    gc.freeze()
            except Retryable as error:
                failures += 1
                self._health.lack("database", str(error))
                await asyncio.sleep(min(0.2 * 2**failures, 5.0))
            else:
                self._health.have("database")
                return loaded

    @Service.task  # type: ignore[untyped-decorator]  # the library has no types
    async def follow(self) -> None:
        """Take in events as they come."""
        while not self.should_stop:
            self._health.beat("follow")
            try:
                batch = await self._consumer.getmany(timeout_ms=200, max_records=5000)
            except KafkaError as error:
                if not error.retriable:
                    raise
                log.warning("broker_away", error=type(error).__name__)
                self._health.lack("kafka", f"the broker is away ({type(error).__name__})")
                await self.sleep(AWAY)
                continue
            for partition, records in batch.items():
                self._take(partition.partition, records)
            if self._consumer.assignment():
                self._health.have("start")
                self._health.have("kafka")

    def _take(self, partition: int, records: Sequence[Any]) -> None:
        # What this service saves is what it knows; a crash here or there must lose nothing either.
        self._faults.reach("before_save")
        news, refused = read(partition, records)
        self._watch.events(partition, news, following=records[-1].offset + 1)
        self._faults.reach("after_save")
        self._metrics.events.inc(len(records))
        self._wake.set()
        if refused:
            bound = self._settings.dead_letters_per_hour
            # What others sent must not keep a deadline waiting until database and broker have taken it.
            self.add_future(bury(refused, NAME, self._producer, self._database, bound, lambda: self.should_stop))

    @Service.task  # type: ignore[untyped-decorator]  # the library has no types
    async def look_around(self) -> None:
        """Tell operations now and then how things are, and the group how far it has read."""
        while not self.should_stop:
            schedule = self._watch.schedule
            self._metrics.watched.set(len(schedule))
            self._metrics.heap.set(schedule.size)
            self._metrics.stale.set(1 - len(schedule) / (schedule.size or 1))
            gc.collect(1)
            gc.freeze()
            with suppress(KafkaError, TimeoutError):
                # The library asks for a coordinator that is away for ever.
                await asyncio.wait_for(self._commit(), LOOK_AROUND)
            await self.sleep(LOOK_AROUND)

    async def _commit(self) -> None:
        """Commit positions, for the lag that operations see; nothing is read from them."""
        positions = {each: await self._consumer.position(each) for each in self._consumer.assignment()}
        ends = [(self._consumer.highwater(each), position) for each, position in positions.items()]
        self._metrics.lag.set(sum(max(end - position, 0) for end, position in ends if end is not None))
        if positions:
            self._faults.reach("before_offset_commit")
            await self._consumer.commit(positions)

    # ---- firing ----

    @Service.task  # type: ignore[untyped-decorator]  # the library has no types
    async def fire(self) -> None:
        """Send ticks for tickets whose time has come."""
        failures = 0
        await self._time.trusted()
        while not self.should_stop:
            self._health.beat("fire")
            began, now = time.monotonic(), self._time.now()
            due = self._watch.due(now.timestamp(), self._settings.tick_batch)
            if not due:
                await self._rest(now)
                continue
            try:
                await self._send(due, now)
                failures = 0
                self._health.have("ticks")
                if len(due) < self._settings.tick_batch:
                    await self.sleep(began + PACE - time.monotonic())
            except Unacknowledged as error:
                failures += 1
                self._watch.not_sent(due)
                self._health.lack("ticks", f"they cannot be sent ({error.reason})")
                await self.sleep(min(0.1 * 2**failures, 5.0))

    async def _rest(self, now: datetime) -> None:
        head, seconds = self._watch.schedule.head(), LONGEST_SLEEP
        self._metrics.next_due.set(head)
        if head != NEVER:
            until = self._clock.real_seconds(timedelta(seconds=head - now.timestamp()))
            seconds = max(min(until, LONGEST_SLEEP), PACE)
        self._wake.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    async def _send(self, due: Sequence[ScheduledTicket], now: datetime) -> None:
        publishing = asyncio.ensure_future(self._producer.publish([outgoing(tick(each, now), NAME) for each in due]))
        await asyncio.sleep(0)
        self._faults.reach("mid_publish")
        await publishing
        done = self._time.now().timestamp()
        self._metrics.ticks.inc(len(due))
        for each in due:
            late = self._clock.real_seconds(timedelta(seconds=done - each.at))
            self._metrics.lateness.observe(max(late, 0.0))

    @Service.task  # type: ignore[untyped-decorator]  # the library has no types
    async def watch_the_clock(self) -> None:
        """Hold the wall clock against the database's."""
        while not self.should_stop:
            await self._time.check()
            await self.sleep(LOOK_AT_CLOCK)


class _Partitions(ConsumerRebalanceListener):  # type: ignore[misc]  # the library has no types
    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        self._monitor.assigned({each.partition for each in assigned})

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Nothing: until the next assignment it goes on with what it knows (domain/watch.py)."""
