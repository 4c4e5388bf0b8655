"""`make bench-monitor`: the monitor at ten thousand, a hundred thousand and a million open tickets, ledger and all.

Tickets lie in PostgreSQL with their clocks; 20,000 of them come due over a minute while 500 events a second come in
about others. Lateness is what a reader of the topic sees: from the deadline to the moment it has the record.
"""

import argparse
import asyncio
import os
import platform
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
import psycopg
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local import Stack
from deploy.local.plan import Options
from deploy.local.process import free_port
from schemas.command import Command
from schemas.event import TicketEvent
from services.shared.publisher import Publisher
from services.shared.settings import KafkaSettings
from tests.builders import eventually
from tests.load import tickets

LEAD = 30.0
"""Seconds between the news of a deadline and the first of them."""
WINDOW = 60.0
BACKGROUND = 500
"""Events a second about tickets that are not due."""
AFTERWARDS = 15.0
"""Seconds after the window in which a late one still counts as fired."""
ON_TIME = 2.0
KILL_AT = 10.0
"""Seconds into the window."""
WORKERS = ("ledger", "sla_monitor")
SEEN = (Command.TOPIC, TicketEvent.TOPIC)


@dataclass
class Seen:
    """When a reader had what: every moment for each ticket."""

    ticks: dict[UUID, list[float]] = field(default_factory=dict)
    warned: dict[UUID, list[float]] = field(default_factory=dict)

    def note(self, record: Any, now: float) -> None:
        """Note a record of either topic."""
        if record.topic == TicketEvent.TOPIC:
            if dict(record.headers).get("ce_type") == b"duban.ticket.warned":
                self.warned.setdefault(UUID(record.key.decode()), []).append(now)
        elif b'"type":"tick"' in record.value and b'"sla_monitor"' in record.value:
            self.ticks.setdefault(UUID(record.key.decode()), []).append(now)


@dataclass(frozen=True)
class Lateness:
    """Of everything that was due in a window, in seconds."""

    values: list[float]
    missing: int
    doubled: int
    early: int

    @classmethod
    def of(cls, due: Mapping[UUID, float], seen: Mapping[UUID, list[float]]) -> "Lateness":
        """Compare what was due with what was seen."""
        values = [seen[id_][0] - at for id_, at in due.items() if id_ in seen]
        doubled = sum(len(seen.get(id_, ())) > 1 for id_ in due)
        early = sum(each < -0.001 for each in values)
        return cls(sorted(values), len(due) - len(values), doubled, early)

    def part(self, share: float) -> float:
        """Return the lateness that so large a share stays below, in milliseconds."""
        return self.values[min(int(len(self.values) * share), len(self.values) - 1)] * 1000 if self.values else -1.0

    def line(self, name: str) -> str:
        """Return it as a row of a table."""
        figures = f"{self.part(0.5):,.0f} | {self.part(0.99):,.0f} | {self.part(1.0):,.0f}"
        return f"| {name} | {figures} | {self.missing} | {self.doubled} | {self.early} |"


class Bench:
    """A system with ledger and monitor alone."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.kafka = KafkaSettings(bootstrap_servers=stack.bootstrap_servers)
        self._stopping = threading.Event()

    def pid(self, service: str) -> int:
        """Return the process of a service, as it is now."""
        return self._stack.state.processes[service].pid

    def fill(self, count: int) -> None:
        """Put open tickets that are not due for days into the ledger's tables."""
        with psycopg.connect(self._stack.database_url()) as connection:
            tickets.fill(connection, count)

    def restart(self) -> float:
        """Kill the monitor and return after how many seconds it has every clock again."""
        began, before = time.monotonic(), self.pid("sla_monitor")
        os.kill(before, signal.SIGKILL)
        eventually(lambda: self.pid("sla_monitor") != before and self._ready(), within=120)
        return time.monotonic() - began

    def _ready(self) -> bool:
        try:
            port = self._stack.state.operations["sla_monitor"]
            return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def memory(self) -> float:
        """Return what the monitor holds in memory, MiB."""
        return float(psutil.Process(self.pid("sla_monitor")).memory_info().rss / 2**20)

    def processor(self) -> float:
        """Return the processor seconds of ledger and monitor so far."""
        return sum(sum(psutil.Process(self.pid(each)).cpu_times()[:2]) for each in WORKERS)

    def warm_up(self) -> None:
        """Let some tickets come due that nobody counts: broker and database have seen nothing yet."""
        self.window(1000, over=5.0)

    def window(self, due: int, *, over: float = WINDOW, kill: bool = False) -> tuple[dict[UUID, float], Seen, float]:
        """Let so many tickets come due over a minute; returns when each was, what was seen, and when the kill was."""
        start = time.time() + LEAD
        told = tickets.due(due, start, over)
        with psycopg.connect(self._stack.database_url()) as connection:
            tickets.insert(connection, told)
        killed = 0.0
        with self._reading() as seen, self._background():
            publisher = Publisher(self.kafka, "bench")
            publisher.publish([each.news for each in told])
            publisher.close()
            if kill:
                time.sleep(max(start + KILL_AT - time.time(), 0))
                killed = time.time()
                os.kill(self.pid("sla_monitor"), signal.SIGKILL)
            time.sleep(max(start + over + AFTERWARDS - time.time(), 0))
        return {each.ticket.id: each.at for each in told}, seen, killed

    @contextmanager
    def _reading(self) -> Iterator[Seen]:
        """Note when ticks and warnings are there to be read."""
        seen, ready, stopping = Seen(), threading.Event(), threading.Event()

        async def read() -> None:
            consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka.bootstrap_servers, fetch_max_wait_ms=100)
            await consumer.start()
            consumer.assign([TopicPartition(name, each) for name in SEEN for each in range(tickets.PARTITIONS)])
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

    @contextmanager
    def _background(self) -> Iterator[None]:
        over = threading.Event()

        def tell() -> None:
            publisher = Publisher(self.kafka, "background")
            for version in range(2, 1_000_000):
                began = time.monotonic()
                publisher.publish(tickets.others(BACKGROUND // 10, version))
                if over.wait(max(0.1 - (time.monotonic() - began), 0)):
                    break
            publisher.close()

        thread = threading.Thread(target=tell, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def applied(self, count: int) -> tuple[float, float]:
        """Return events a second that the monitor takes in from a heap of them, and processor seconds per 100,000."""
        pid = self.pid("sla_monitor")
        os.kill(pid, signal.SIGSTOP)
        publisher = Publisher(self.kafka, "heap")
        for first in range(0, count, 10_000):
            publisher.publish(tickets.others(10_000, first // 10_000 + 2, begin=first))
        publisher.close()
        before, used = self._taken(), sum(psutil.Process(pid).cpu_times()[:2])
        began = time.monotonic()
        os.kill(pid, signal.SIGCONT)
        eventually(lambda: self._taken() >= before + count, within=300)
        spent = time.monotonic() - began
        return count / spent, (sum(psutil.Process(pid).cpu_times()[:2]) - used) / count * 100_000

    def _taken(self) -> float:
        port = self._stack.state.operations["sla_monitor"]
        try:
            text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
        except httpx.HTTPError:
            return self._last
        found = next(each for each in text.splitlines() if each.startswith("duban_monitor_events_total"))
        self._last = float(found.split()[1])
        return self._last

    _last = 0.0


@contextmanager
def system(session_timeout: int = 10_000) -> Iterator[Bench]:
    """Start broker, database, ledger and monitor."""
    os.environ["DUBAN_TUNE_KAFKA_SESSION_TIMEOUT_MS"] = str(session_timeout)
    with tempfile.TemporaryDirectory(prefix="duban-monitor-") as folder:
        options = Options(data=Path(folder) / "data", services=WORKERS, tied=True, http_port=free_port())
        with Stack.start(options) as stack:
            yield Bench(stack)


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(prog="make bench-monitor", description=__doc__)
    parser.add_argument("--open", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="open tickets")
    parser.add_argument("--due", type=int, default=20_000, help="of them due over a minute")
    parser.add_argument("--events", type=int, default=200_000, help="events of the heap to take in")
    told = parser.parse_args()
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {psutil.virtual_memory().total >> 30} GiB\n"
    )
    print("| open tickets: what | median ms | 99 of 100 ms | latest ms | missing | doubled | early |")
    print("|---|---|---|---|---|---|---|")
    notes: list[str] = []
    for count in told.open:
        with system() as bench:
            bench.fill(count)
            loaded = bench.restart()
            bench.warm_up()
            memory, used, began = bench.memory(), bench.processor(), time.monotonic()
            due, seen, _ = bench.window(told.due)
            share = (bench.processor() - used) / (time.monotonic() - began)
            print(Lateness.of(due, seen.ticks).line(f"{count:,}: tick"), flush=True)
            print(Lateness.of(due, seen.warned).line(f"{count:,}: warning on tickets.events"), flush=True)
            due, seen, killed = bench.window(told.due, kill=True)
            print(Lateness.of(due, seen.warned).line(f"{count:,}: warning, monitor killed meanwhile"), flush=True)
            after = [seen.ticks[id_][0] for id_, at in due.items() if id_ in seen.ticks and at > killed]
            timely = [
                seen.ticks[id_][0]
                for id_, at in due.items()
                if id_ in seen.ticks and at > killed and seen.ticks[id_][0] - at <= ON_TIME
            ]
            first = min(timely, default=float("nan")) - killed
            notes.append(
                f"| {count:,} | {loaded:.1f} | {first:.1f} | {min(after, default=float('nan')) - killed:.1f} "
                f"| {memory:.0f} | {share:.2f} |"
            )
    print("\n| open tickets | loaded again s | first on time after a kill s | first at all s | memory MiB | cores |")
    print("|---|---|---|---|---|---|")
    print("\n".join(notes))
    with system(session_timeout=60_000) as bench:
        bench.fill(10_000)
        bench.restart()
        rates = [bench.applied(told.events) for _ in range(3)]
    rate, cost = (statistics.median(each[at] for each in rates) for at in (0, 1))
    print(f"\nEvents taken in: {rate:,.0f}/s, {cost:.1f} s of processor per 100,000 (three rounds, medians)")


if __name__ == "__main__":
    main()
