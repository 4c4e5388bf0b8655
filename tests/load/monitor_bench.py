"""Measurements of a system that runs only the ledger and the monitor."""

import math
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar
from unittest.mock import patch
from uuid import UUID

import httpx
import psutil
import psycopg

from deploy.local import Stack
from deploy.local.plan import StackOptions
from deploy.local.ports import free_port
from schemas.event import TicketEvent
from services.shared.kafka.publisher import Publisher
from services.shared.runtime.settings import KafkaSettings
from tests.builders import eventually
from tests.load import tickets
from tests.load.deadline_statistics import DeadlineStatistics
from tests.load.reader import SeenRecords, recording

LEAD = 5.0
"""Seconds from publishing the last deadline until the first one is due; half of it at least."""
MINUTE = 60.0
BACKGROUND = 500
"""Events per second about tickets that are not due."""
GRACE = 60.0
"""Seconds after the last deadline in which late events still count; the peers have 90."""
DOUBLES_WITHIN = 2.0
"""Seconds to wait for doubled events after the last one."""
ON_TIME = 2.0
"""Lateness in seconds up to which an event counts as on time after a kill."""
KILL_AT = 10.0
"""Seconds from the first deadline until the monitor is killed."""
CHUNK = 5_000
"""Tickets inserted, and events published, at once."""
MEASURED_SERVICES = ("ledger", "sla_monitor")

T = TypeVar("T")


@dataclass(frozen=True)
class MeasuredWindow:
    """Observations of tickets that came due in one window.

    Attributes:
        due: when each ticket was due, in seconds since the epoch.
        seen: what a reader saw.
        cores: processor seconds of ledger and monitor per second of the window; nan if the monitor was killed.
        killed: when the monitor was killed, in seconds since the epoch; 0.0 if it was not.

    """

    due: Mapping[UUID, float]
    seen: SeenRecords
    cores: float
    killed: float

    @property
    def ticks(self) -> DeadlineStatistics:
        """Statistics of the monitor's ticks."""
        return DeadlineStatistics.of(self.due, self.seen.ticks)

    @property
    def warnings(self) -> DeadlineStatistics:
        """Statistics of the ledger's warnings."""
        return DeadlineStatistics.of(self.due, self.seen.warnings)

    def recovery(self, seen: Mapping[UUID, list[float]]) -> float:
        """Return the seconds from the kill to the first event on time of a later deadline; inf if there is none."""
        after = {id_: seen[id_][0] for id_, at in self.due.items() if at > self.killed and id_ in seen}
        on_time = (moment for id_, moment in after.items() if moment - self.due[id_] <= ON_TIME)
        return min(on_time, default=math.inf) - self.killed


@dataclass(frozen=True)
class DeadlineBurst:
    """Observations of many tickets that came due within a second, and of some others in the minute after it.

    Attributes:
        ticked: seconds from the first deadline of the burst to its last tick.
        decided: seconds from the first deadline of the burst to its last warning.
        burst: statistics of the burst's warnings.
        others: observations of the other tickets.

    """

    ticked: float
    decided: float
    burst: DeadlineStatistics
    others: MeasuredWindow


@dataclass(frozen=True)
class BacklogRun:
    """How fast the monitor processed a backlog of events.

    Attributes:
        rate: events per second.
        cpu_cost: processor seconds of ledger and monitor per 100,000 events.
        size: bytes of an event.
        stored: bytes of an event as compressed by the producer and stored by the broker.

    """

    rate: float
    cpu_cost: float
    size: float
    stored: float


def cores(processor: Callable[[], float], wait_until: Callable[[float], None], start: float, duration: float) -> float:
    """Return the processor seconds used per second of a window."""
    wait_until(start)
    before = processor()
    wait_until(start + duration)
    return (processor() - before) / duration


def wait_until(instant: float) -> None:
    """Sleep until an instant, in seconds since the epoch."""
    time.sleep(max(instant - time.time(), 0))


class MonitorBench:
    """Measures a system with ledger and monitor, and open tickets that are not due for days."""

    def __init__(self, stack: Stack, count: int) -> None:
        """Insert open tickets into the ledger's tables."""
        self._stack = stack
        self._kafka = KafkaSettings(bootstrap_servers=stack.bootstrap_servers)
        with psycopg.connect(stack.database_url()) as connection:
            tickets.fill(connection, count)
        self._events = tickets.BackgroundEvents(count)
        self._planning_time = 0.01
        self._last_processed = 0.0

    def pid(self, service: str) -> int:
        """Return the present process id of a service."""
        return self._stack.state.processes[service].pid

    def restart(self) -> float:
        """Kill the monitor and return the seconds until it has loaded every timer again."""
        started, pid = time.monotonic(), self.pid("sla_monitor")
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: self.pid("sla_monitor") != pid and self._ready(), within=120)
        return time.monotonic() - started

    def _ready(self) -> bool:
        try:
            return httpx.get(self._page("readyz"), timeout=5).is_success
        except httpx.HTTPError:
            return False

    def _page(self, name: str) -> str:
        return f"http://127.0.0.1:{self._stack.state.operations['sla_monitor']}/{name}"

    def memory(self) -> float:
        """Return the monitor's resident memory in MiB."""
        return float(psutil.Process(self.pid("sla_monitor")).memory_info().rss / 2**20)

    def processor(self) -> float:
        """Return the processor seconds that ledger and monitor have used so far."""
        return sum(sum(psutil.Process(self.pid(service)).cpu_times()[:2]) for service in MEASURED_SERVICES)

    def warm_up(self) -> None:
        """Let some tickets come due without measuring them, so that broker and database have warmed up."""
        self.window(1000, duration=5.0)

    def window(self, due: int, *, duration: float = MINUTE, kill: bool = False) -> MeasuredWindow:
        """Let tickets come due over some seconds, and kill the monitor meanwhile if wanted."""
        start, planned = self._plan_in_time(lambda start: self._plan(due, start, duration), due)
        killed, used = 0.0, math.nan
        with recording(self._stack.bootstrap_servers) as seen, self._background():
            if kill:
                wait_until(start + KILL_AT)
                killed = time.time()
                os.kill(self.pid("sla_monitor"), signal.SIGKILL)
            else:
                used = cores(self.processor, wait_until, start, duration)
            wait_until(start + duration)
            self._wait_until_seen(planned, seen, GRACE)
        return MeasuredWindow(planned, seen, used, killed)

    def burst(self, count: int, others: int = 100) -> DeadlineBurst:
        """Let many tickets come due within a second, and some others over the minute after it."""
        start, (few, many) = self._plan_in_time(
            lambda start: (self._plan(others, start + 1, MINUTE), self._plan(count, start, 1.0)), count
        )
        with recording(self._stack.bootstrap_servers) as seen, self._background():
            used = cores(self.processor, wait_until, start, MINUTE)
            # The grace period allows for a ledger that decides only 100 per second.
            self._wait_until_seen(many | few, seen, GRACE + count / 100)
        ticked, decided = (
            max((moments[id_][0] for id_ in many if id_ in moments), default=math.inf) - start
            for moments in (seen.ticks, seen.warnings)
        )
        statistics = DeadlineStatistics.of(many, seen.warnings)
        return DeadlineBurst(ticked, decided, statistics, MeasuredWindow(few, seen, used, 0.0))

    def _plan_in_time(self, plan: Callable[[float], T], count: int) -> tuple[float, T]:
        """Plan tickets so that all are published before the first is due; returns the first deadline and the plan.

        Args:
            plan: plans tickets from a first deadline on, in seconds since the epoch.
            count: number of tickets, from which the time that planning takes is estimated.

        Raises:
            RuntimeError: planning took too long three times.

        """
        for _ in range(3):
            # Allow for twice the time that planning took last.
            start = time.time() + LEAD + 2 * self._planning_time * count
            planned = plan(start)
            if time.time() < start - LEAD / 2:
                return start, planned
        raise RuntimeError("tickets came due before all were planned: measure on a machine that is less busy")

    def _plan(self, count: int, start: float, duration: float) -> dict[UUID, float]:
        """Insert tickets that come due and publish their events; returns when each is due."""
        due, planned = tickets.due(count, start, duration), dict[UUID, float]()
        started = time.time()
        publisher = Publisher(self._kafka, "bench")
        with psycopg.connect(self._stack.database_url()) as connection:
            while chunk := list(islice(due, CHUNK)):
                tickets.insert(connection, chunk)
                connection.commit()
                publisher.publish([ticket.event for ticket in chunk])
                planned |= {ticket.id: ticket.at for ticket in chunk}
        publisher.close()
        self._planning_time = (time.time() - started) / count
        return planned

    @staticmethod
    def _wait_until_seen(planned: Mapping[UUID, float], seen: SeenRecords, within: float) -> None:
        """Wait until every tick and warning was seen, and a little longer for doubled ones."""
        until = time.time() + within
        while time.time() < until and not planned.keys() <= seen.ticks.keys() & seen.warnings.keys():
            time.sleep(0.2)
        time.sleep(DOUBLES_WITHIN)

    @contextmanager
    def _background(self) -> Iterator[None]:
        """Publish BACKGROUND events per second while the block runs."""
        stopping = threading.Event()

        def publish() -> None:
            publisher = Publisher(self._kafka, "background")
            started, sent = time.monotonic(), 0
            while not stopping.wait(0.1):
                missing = int((time.monotonic() - started) * BACKGROUND) - sent
                publisher.publish(self._events.take(missing))
                sent += missing
            publisher.close()

        thread = threading.Thread(target=publish, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()

    def process_backlog(self, count: int) -> BacklogRun:
        """Freeze the monitor, publish events, and measure how fast it processes them afterwards."""
        pid, size, stored_before, processed = self.pid("sla_monitor"), 0, self._stored(), self._processed()
        os.kill(pid, signal.SIGSTOP)
        publisher = Publisher(self._kafka, "backlog")
        for first in range(0, count, CHUNK):
            events = self._events.take(min(CHUNK, count - first))
            size += sum(len(event.value or b"") for event in events)
            publisher.publish(events)
        publisher.close()
        stored = self._stored() - stored_before
        started, used = time.monotonic(), self.processor()
        os.kill(pid, signal.SIGCONT)
        eventually(lambda: self._processed() >= processed + count, within=300)
        spent = time.monotonic() - started
        return BacklogRun(count / spent, (self.processor() - used) / count * 100_000, size / count, stored / count)

    def _stored(self) -> int:
        segments = self._stack.folder.kafka.glob(f"{TicketEvent.TOPIC}-*/*.log")
        return sum(segment.stat().st_size for segment in segments)

    def _processed(self) -> float:
        """Return the number of events that the monitor has processed; the last known number while it is frozen."""
        try:
            text = httpx.get(self._page("metrics"), timeout=5).text
        except httpx.HTTPError:
            return self._last_processed
        line = next(line for line in text.splitlines() if line.startswith("duban_monitor_events_total"))
        self._last_processed = float(line.split()[1])
        return self._last_processed


@contextmanager
def running_bench(count: int, *, session_timeout: int = 10_000) -> Iterator[MonitorBench]:
    """Run broker, database, ledger and monitor while the block runs.

    Args:
        count: number of open tickets in the tables.
        session_timeout: of the monitor's consumer group in milliseconds; longer than the monitor is frozen.

    """
    tuned = {"DUBAN_TUNE_KAFKA_SESSION_TIMEOUT_MS": str(session_timeout)}
    with patch.dict(os.environ, tuned), tempfile.TemporaryDirectory(prefix="duban-monitor-") as folder:
        options = StackOptions(
            data=Path(folder) / "data", services=MEASURED_SERVICES, stop_with_parent=True, http_port=free_port()
        )
        with Stack.start(options) as stack:
            yield MonitorBench(stack, count)
