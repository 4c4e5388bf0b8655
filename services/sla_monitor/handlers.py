"""The monitor's work: take in what tickets say of their clocks, and send a tick when a time has come."""

import asyncio
import gc
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import faust
import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from mode import Service

from schemas.event import TicketEvent
from services.shared import logs
from services.shared.clock import Clock
from services.shared.connection import leave
from services.shared.dead_letters import Refused
from services.shared.errors import Retryable
from services.shared.faults import Faults
from services.shared.operations import Health
from services.shared.postgres import Database
from services.shared.records import Incoming, outgoing
from services.shared.streaming import SEND_ERRORS, Sender, bury, consumer_options
from services.sla_monitor import store
from services.sla_monitor.domain.schedule import NEVER, Entry
from services.sla_monitor.domain.vigilance import Vigilance
from services.sla_monitor.domain.watch import NAME, Watch, tick
from services.sla_monitor.metrics import MonitorMetrics
from services.sla_monitor.settings import MonitorSettings

GROUP = f"duban-{NAME}"
LONGEST_SLEEP = 0.5
"""Real seconds between two looks at the heap when nothing is due sooner."""
PACE = 0.01
"""Real seconds between two looks at the least: what comes due meanwhile is sent together."""
COMMIT_EVERY = 2.0
ASK_EVERY = 60.0
"""Real seconds between two questions for the database's time."""
ID = 16
"""Bytes of a ticket's id."""

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
        sender: Sender,
    ) -> None:
        super().__init__()
        self._watch = Watch()
        self._settings = settings
        self._database = database
        self._clock = clock
        self._health = health
        self._metrics = metrics
        self._wake = asyncio.Event()
        self._loads: set[asyncio.Task[None]] = set()
        self._vigilance = Vigilance(time.time(), time.monotonic())
        self._trusted = asyncio.Event()
        self._sender = sender
        self._faults = Faults(settings.faults, NAME)
        self._instance = settings.instance or f"{NAME}-0"
        self._consumer = AIOKafkaConsumer(
            **consumer_options(settings.kafka),
            group_id=GROUP,
            group_instance_id=self._instance,
            client_id=NAME,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=settings.kafka.session_timeout_ms,
            # A rebalance is over when every member has noticed it.
            heartbeat_interval_ms=min(1_000, settings.kafka.session_timeout_ms // 3),
            max_partition_fetch_bytes=2 * 1024 * 1024,
            # News of a ticket comes hours before its deadlines: fewer answers of the broker, each with more in it.
            fetch_min_bytes=256 * 1024,
            fetch_max_wait_ms=50,
        )

    async def on_start(self) -> None:
        """Join the group."""
        await self._consumer.start()
        self._consumer.subscribe([TicketEvent.TOPIC], listener=_Partitions(self))

    async def on_stop(self) -> None:
        """Leave the group."""
        for task in self._loads:
            task.cancel()
        with suppress(KafkaError):
            await self._commit()
        await self._consumer.stop()
        # Told to stop, it may stay away: the others need not wait for the session's end, and a restart joins anew.
        await asyncio.to_thread(leave, self._settings.kafka, GROUP, self._instance)

    # ---- what is known ----

    async def assigned(self, partitions: set[int]) -> None:
        """Watch these partitions from here on, and no others."""
        told = self._watch.assigned(partitions)
        for each in told.lost:
            self._health.have(f"partition {each}")
        for partition, offset in told.kept.items():
            self._consumer.seek(TopicPartition(TicketEvent.TOPIC, partition), offset)
        log.info("assigned", kept=sorted(told.kept), new=sorted(told.new), lost=sorted(told.lost))
        if told.new:
            await self._begin(told.new)

    async def _begin(self, partitions: frozenset[int]) -> None:
        # Events below the end were published after the database had them, so the snapshot knows them.
        ends = await self._consumer.end_offsets([TopicPartition(TicketEvent.TOPIC, each) for each in partitions])
        for partition, offset in ends.items():
            self._consumer.seek(partition, offset)
        self._watch.begin({each.partition: offset for each, offset in ends.items()})
        for each in partitions:
            self._health.lack(f"partition {each}", "its clocks are being loaded")
        task = asyncio.create_task(self._load(partitions))
        self._loads.add(task)
        task.add_done_callback(self._loads.discard)

    async def _load(self, partitions: frozenset[int]) -> None:
        """Load the clocks of partitions, however often it takes."""
        failures, began, loaded = 0, time.monotonic(), 0
        while not self.should_stop:
            try:
                chunks = store.clocks(
                    self._database, partitions, first=self._settings.first_load, chunk=self._settings.load_chunk
                )
                while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
                    loaded += self._watch.rows(chunk)
                    self._wake.set()
            except Retryable as error:
                failures += 1
                self._health.lack("database", str(error))
                await self.sleep(min(0.2 * 2**failures, 5.0))
            else:
                break
        self._watch.loaded(partitions)
        # What was loaded stays for long: the collector of cycles need not look through a million tickets each time.
        gc.collect()
        gc.freeze()
        self._health.have("database")
        for each in partitions:
            self._health.have(f"partition {each}")
        spent = time.monotonic() - began
        self._metrics.reload_seconds.set(spent)
        self._metrics.reload_rows.set(loaded)
        log.info("loaded", partitions=sorted(partitions), tickets=loaded, seconds=round(spent, 3))

    @Service.task  # type: ignore[untyped-decorator]  # the library has no types
    async def follow(self) -> None:
        """Take in events as they come."""
        committed = time.monotonic()
        while not self.should_stop:
            self._health.beat()
            try:
                batch = await self._consumer.getmany(timeout_ms=200, max_records=5000)
                for partition, records in batch.items():
                    await self._take(partition.partition, records)
                if time.monotonic() - committed > COMMIT_EVERY:
                    committed = time.monotonic()
                    with suppress(KafkaError):
                        await self._commit()
                if self._consumer.assignment():
                    self._health.have("start")
                    self._health.have("kafka")
            except KafkaError as error:
                if not error.retriable:
                    raise
                log.warning("broker_away", error=type(error).__name__)
                self._health.lack("kafka", f"the broker is away ({type(error).__name__})")
                await self.sleep(0.5)

    async def _take(self, partition: int, records: Sequence[Any]) -> None:
        refused: list[Refused] = []
        news: list[Entry] = []
        # What this service saves is what it knows; a crash here or there must lose nothing either.
        self._faults.reach("before_save")
        for record in records:
            try:
                news.append(_entry(partition, record.value))
            except ValueError as error:
                refused.append(_refused(record, error))
        self._watch.events(partition, news, following=records[-1].offset + 1)
        self._faults.reach("after_save")
        self._metrics.events.inc(len(records))
        schedule = self._watch.schedule
        self._metrics.watched.set(len(schedule))
        self._metrics.heap.set(schedule.size)
        self._metrics.stale.set(max(1 - len(schedule) / (schedule.size or 1), 0.0))
        self._wake.set()
        if refused:
            bound = self._settings.dead_letters_per_hour
            await bury(refused, NAME, self._sender, self._database, bound, lambda: self.should_stop)

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
        # Before the database has told the time once, a clock that was wrong from the start would fire early.
        await self._trusted.wait()
        while not self.should_stop:
            now = self._now()
            due = self._watch.due(now.timestamp(), self._settings.tick_batch)
            if not due:
                await self._rest(now)
                continue
            try:
                await self._send(due, now)
                failures = 0
            except SEND_ERRORS as error:
                failures += 1
                self._watch.not_sent(due)
                self._health.lack("kafka", f"ticks cannot be sent ({type(error).__name__})")
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

    async def _send(self, due: Sequence[Entry], now: datetime) -> None:
        acknowledged = await self._sender.hand_over([outgoing(tick(each, now), NAME) for each in due])
        self._faults.reach("mid_publish")
        await acknowledged
        done = self._now().timestamp()
        self._metrics.ticks.inc(len(due))
        for each in due:
            late = self._clock.real_seconds(timedelta(seconds=done - each.at))
            self._metrics.lateness.observe(max(late, 0.0))

    def _now(self) -> datetime:
        """Return business time, whatever the wall clock has done."""
        jump = self._vigilance.look(time.time(), time.monotonic())
        if jump:
            self._metrics.jumps.labels("forward" if jump > 0 else "backward").inc()
            log.error("clock_jumped", seconds=round(jump, 3))
        return self._clock.now() - self._clock.business(self._vigilance.error)

    @Service.task  # type: ignore[untyped-decorator]  # the library has no types
    async def watch_the_clock(self) -> None:
        """Ask the database for the time: at the start, after each jump, and now and then."""
        asked = float("-inf")
        while not self.should_stop:
            if self._vigilance.doubtful or time.monotonic() - asked > ASK_EVERY:
                with suppress(Retryable):
                    theirs = await asyncio.to_thread(store.real_time, self._database)
                    self._vigilance.settle(time.time(), theirs)
                    self._metrics.clock_error.set(self._vigilance.error)
                    self._trusted.set()
                    asked = time.monotonic()
            await self.sleep(1.0)


class _Partitions(ConsumerRebalanceListener):  # type: ignore[misc]  # the library has no types
    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        await self._monitor.assigned({each.partition for each in assigned})

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Nothing: until the next assignment it goes on with what it knows (domain/watch.py)."""


class _Ticket(msgspec.Struct):
    next_action_at: datetime | None = None


class _Told(msgspec.Struct):
    """What the monitor reads of an event; the rest is passed over without being built."""

    ticket_id: str
    version: int
    ticket: _Ticket


_EVENT = msgspec.json.Decoder(_Told)


def _entry(partition: int, value: bytes | None) -> Entry:
    told = _EVENT.decode(value or b"")
    at = told.ticket.next_action_at
    id_ = bytes.fromhex(told.ticket_id.replace("-", ""))
    if len(id_) != ID:
        raise ValueError(told.ticket_id)
    return Entry(at.timestamp() if at is not None else NEVER, told.version, id_, partition)


def _refused(record: Any, error: Exception) -> Refused:
    reason = (
        "empty" if not record.value else "bad_schema" if isinstance(error, msgspec.ValidationError) else "bad_syntax"
    )
    return Refused(Incoming.of(record), reason, f"body: no ticket event ({type(error).__name__})", None, "unknown")
