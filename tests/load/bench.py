"""A system with ledger and monitor alone, and what can be measured of it."""

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
from tests.load.outcome import Outcome
from tests.load.reader import Seen, reading

LEAD = 5.0
"""Seconds between the news of the last deadline and the first of them, half of it at the least."""
MINUTE = 60.0
BACKGROUND = 500
"""Events a second about tickets that are not due."""
AFTERWARDS = 60.0
"""Seconds after the last deadline in which a late one still counts as fired; the peers have 90."""
DOUBLES = 2.0
"""Seconds for which doubled ones are waited for when all have fired."""
ON_TIME = 2.0
"""Seconds that one may be late and still count as on time after a kill."""
KILL_AT = 10.0
"""Seconds into the minute."""
AT_ONCE = 5_000
"""Tickets that are planned, and events that are published, in one go."""
WORKERS = ("ledger", "sla_monitor")

T = TypeVar("T")


@dataclass(frozen=True)
class Window:
    """What was seen of tickets that came due in one window.

    Attributes:
        due: when each ticket was, in seconds since 1970.
        seen: what a reader saw.
        cores: processor seconds of ledger and monitor for each second of the window; nan when one was killed.
        killed: when the monitor was, in seconds since 1970; 0.0 when it was not.

    """

    due: Mapping[UUID, float]
    seen: Seen
    cores: float
    killed: float

    @property
    def ticks(self) -> Outcome:
        """What became of the deadlines at the monitor."""
        return Outcome.of(self.due, self.seen.ticks)

    @property
    def warned(self) -> Outcome:
        """What became of them at the ledger."""
        return Outcome.of(self.due, self.seen.warned)

    def on_time_again(self, seen: Mapping[UUID, list[float]]) -> float:
        """Return the seconds from the kill to the first that came due after it and was on time; inf: none was."""
        after = {id_: seen[id_][0] for id_, at in self.due.items() if at > self.killed and id_ in seen}
        timely = (moment for id_, moment in after.items() if moment - self.due[id_] <= ON_TIME)
        return min(timely, default=math.inf) - self.killed


@dataclass(frozen=True)
class Burst:
    """What was seen of many tickets that came due within a second, and of a few others in the minute after it.

    Attributes:
        ticked: seconds from the first deadline of the burst to its last tick.
        decided: likewise to its last warning.
        itself: what became of the burst at the ledger.
        others: what became of the others.

    """

    ticked: float
    decided: float
    itself: Outcome
    others: Window


@dataclass(frozen=True)
class Heap:
    """How a heap of events was taken in.

    Attributes:
        rate: events a second.
        cost: processor seconds of ledger and monitor for 100,000 of them.
        size: bytes of an event.
        stored: bytes of an event as the broker keeps and sends it, compressed.

    """

    rate: float
    cost: float
    size: float
    stored: float


def cores(processor: Callable[[], float], wait_until: Callable[[float], None], start: float, over: float) -> float:
    """Return the processor seconds used for each second of exactly that window."""
    wait_until(start)
    before = processor()
    wait_until(start + over)
    return (processor() - before) / over


def wait_until(instant: float) -> None:
    """Sleep until an instant, in seconds since 1970."""
    time.sleep(max(instant - time.time(), 0))


class Bench:
    """A system with ledger and monitor alone."""

    def __init__(self, stack: Stack, count: int) -> None:
        """Put so many open tickets that are not due for days into the ledger's tables."""
        self._stack = stack
        self._kafka = KafkaSettings(bootstrap_servers=stack.bootstrap_servers)
        with psycopg.connect(stack.database_url()) as connection:
            tickets.fill(connection, count)
        self._news = tickets.News(count)
        self._pace = 0.01
        self._last = 0.0

    def pid(self, service: str) -> int:
        """Return the process of a service, as it is now."""
        return self._stack.state.processes[service].pid

    def restart(self) -> float:
        """Kill the monitor and return after how many seconds it has every clock again."""
        began, before = time.monotonic(), self.pid("sla_monitor")
        os.kill(before, signal.SIGKILL)
        eventually(lambda: self.pid("sla_monitor") != before and self._ready(), within=120)
        return time.monotonic() - began

    def _ready(self) -> bool:
        try:
            return httpx.get(self._operations("readyz"), timeout=5).is_success
        except httpx.HTTPError:
            return False

    def _operations(self, page: str) -> str:
        return f"http://127.0.0.1:{self._stack.state.operations['sla_monitor']}/{page}"

    def memory(self) -> float:
        """Return what the monitor holds in memory, MiB."""
        return float(psutil.Process(self.pid("sla_monitor")).memory_info().rss / 2**20)

    def processor(self) -> float:
        """Return the processor seconds of ledger and monitor so far."""
        return sum(sum(psutil.Process(self.pid(each)).cpu_times()[:2]) for each in WORKERS)

    def warm_up(self) -> None:
        """Let some tickets come due that nobody counts: broker and database have seen nothing yet."""
        self.window(1000, over=5.0)

    def window(self, due: int, *, over: float = MINUTE, kill: bool = False) -> Window:
        """Let so many tickets come due over a while, and kill the monitor meanwhile if wanted."""
        start, told = self._planned(lambda start: self._plan(due, start, over), due)
        killed, used = 0.0, math.nan
        with reading(self._stack.bootstrap_servers) as seen, self._background():
            if kill:
                wait_until(start + KILL_AT)
                killed = time.time()
                os.kill(self.pid("sla_monitor"), signal.SIGKILL)
            else:
                used = cores(self.processor, wait_until, start, over)
            wait_until(start + over)
            self._settled(told, seen, AFTERWARDS)
        return Window(told, seen, used, killed)

    def burst(self, count: int, others: int = 100) -> Burst:
        """Let many tickets come due within a second and a few others over the minute after it."""
        start, (few, many) = self._planned(
            lambda start: (self._plan(others, start + 1, MINUTE), self._plan(count, start, 1.0)), count
        )
        with reading(self._stack.bootstrap_servers) as seen, self._background():
            used = cores(self.processor, wait_until, start, MINUTE)
            # A ledger that decides a hundred a second is given time too.
            self._settled(many | few, seen, AFTERWARDS + count / 100)
        ticked, decided = (
            max((each[id_][0] for id_ in many if id_ in each), default=math.inf) - start
            for each in (seen.ticks, seen.warned)
        )
        return Burst(ticked, decided, Outcome.of(many, seen.warned), Window(few, seen, used, 0.0))

    def _planned(self, plan: Callable[[float], T], count: int) -> tuple[float, T]:
        """Return when the first of so many tickets comes due, and what was planned for then.

        Raises:
            RuntimeError: the machine is so busy that they came due before all were planned, again and again.

        """
        for _ in range(3):
            # Twice the time that planning took at the last time.
            start = time.time() + LEAD + 2 * self._pace * count
            told = plan(start)
            if time.time() < start - LEAD / 2:
                return start, told
        raise RuntimeError("tickets came due before they were planned: this machine is too busy to measure on")

    def _plan(self, count: int, start: float, over: float) -> dict[UUID, float]:
        """Put tickets that come due into the ledger's tables and tell the monitor; returns when each does."""
        made, planned = tickets.due(count, start, over), dict[UUID, float]()
        began = time.time()
        publisher = Publisher(self._kafka, "bench")
        with psycopg.connect(self._stack.database_url()) as connection:
            while told := list(islice(made, AT_ONCE)):
                tickets.insert(connection, told)
                connection.commit()
                publisher.publish([each.news for each in told])
                planned |= {each.id: each.at for each in told}
        publisher.close()
        self._pace = (time.time() - began) / count
        return planned

    @staticmethod
    def _settled(told: Mapping[UUID, float], seen: Seen, within: float) -> None:
        """Wait until all is seen, and a little longer for what comes twice."""
        until = time.time() + within
        while time.time() < until and not (told.keys() <= seen.ticks.keys() and told.keys() <= seen.warned.keys()):
            time.sleep(0.2)
        time.sleep(DOUBLES)

    @contextmanager
    def _background(self) -> Iterator[None]:
        over = threading.Event()

        def tell() -> None:
            publisher = Publisher(self._kafka, "background")
            began, sent = time.monotonic(), 0
            while not over.wait(0.1):
                wanted = int((time.monotonic() - began) * BACKGROUND) - sent
                publisher.publish(self._news.take(wanted))
                sent += wanted
            publisher.close()

        thread = threading.Thread(target=tell, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def applied(self, count: int) -> Heap:
        """Let the monitor take in a heap of events that came while it was stopped, each of them news."""
        pid, size, stored, before = self.pid("sla_monitor"), 0, self._stored(), self._taken()
        os.kill(pid, signal.SIGSTOP)
        publisher = Publisher(self._kafka, "heap")
        for first in range(0, count, AT_ONCE):
            told = self._news.take(min(AT_ONCE, count - first))
            size += sum(len(each.value or b"") for each in told)
            publisher.publish(told)
        publisher.close()
        stored = self._stored() - stored
        began, used = time.monotonic(), self.processor()
        os.kill(pid, signal.SIGCONT)
        eventually(lambda: self._taken() >= before + count, within=300)
        spent = time.monotonic() - began
        return Heap(count / spent, (self.processor() - used) / count * 100_000, size / count, stored / count)

    def _stored(self) -> int:
        return sum(each.stat().st_size for each in self._stack.folder.kafka.glob(f"{TicketEvent.TOPIC}-*/*.log"))

    def _taken(self) -> float:
        """Return the events that the monitor has taken in; the last figure while it does not answer."""
        try:
            text = httpx.get(self._operations("metrics"), timeout=5).text
        except httpx.HTTPError:
            return self._last
        found = next(each for each in text.splitlines() if each.startswith("duban_monitor_events_total"))
        self._last = float(found.split()[1])
        return self._last


@contextmanager
def system(count: int, *, session_timeout: int = 10_000) -> Iterator[Bench]:
    """Start broker, database, ledger and monitor, with so many open tickets in the tables.

    Args:
        count: of the tickets.
        session_timeout: of consumers, in milliseconds; longer than a monitor is stopped for a heap of events.

    """
    tuned = {"DUBAN_TUNE_KAFKA_SESSION_TIMEOUT_MS": str(session_timeout)}
    with patch.dict(os.environ, tuned), tempfile.TemporaryDirectory(prefix="duban-monitor-") as folder:
        options = StackOptions(
            data=Path(folder) / "data", services=WORKERS, stop_with_parent=True, http_port=free_port()
        )
        with Stack.start(options) as stack:
            yield Bench(stack, count)
