"""`make bench`: measures throughput of the system beside that of the broker alone, in one run.

Each figure is a median of rounds. A slow machine is not a failure.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from services.shared.kafka import topic_reader, topics
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Outgoing
from services.shared.kafka.topics import Topic
from tests.builders import eventually
from tests.load import burst, rules
from tests.system import System, running_system

ROUNDS = 3
SENDERS = 8
"""Concurrent senders at the HTTP door."""
BATCH = 200
"""Contacts in a request to the batch endpoint."""
SLOW_CLOCK = 60.0
"""Policy seconds in a real second while lateness is measured."""


@dataclass
class BenchmarkRow:
    """A row of the report.

    Attributes:
        name: what was measured.
        value: the figure.
        unit: its unit.
        ratio: the figure as a share of the broker alone.

    """

    name: str
    value: float
    unit: str
    ratio: float | None = None

    def line(self) -> str:
        """Return the row in Markdown."""
        ratio = f"{self.ratio:.3f}" if self.ratio is not None else ""
        return f"| {self.name} | {self.value:,.1f} | {self.unit} | {ratio} |"


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--contacts", type=int, default=2000, help="contacts of each measurement")
    parser.add_argument("--burst", type=int, default=20_000, help="contacts of a burst")
    options = parser.parse_args()
    rows: list[BenchmarkRow] = []
    with _system(1.0) as system:
        rows += _throughput_rows(system, options.contacts)
        rows += _burst_rows(system, options.burst)
    with _system(SLOW_CLOCK) as system:
        rows += _lateness_rows(system, options.contacts // 2)
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {psutil.virtual_memory().total >> 30} GiB"
    )
    print("\n| what | figure | unit | of the broker alone |\n|---|---|---|---|")
    for row in rows:
        print(row.line())
    print("\n| rules (messages) | the rule, µs | parsing its message with orjson and pydantic, µs | ratio |")
    print("|---|---|---|---|")
    for cost in rules.costs():
        print(cost.line())


def _throughput_rows(system: System, contacts: int) -> Iterator[BenchmarkRow]:
    broker = _median(lambda: _broker_alone(system, contacts))
    yield BenchmarkRow("the broker alone: contacts produced and read back, one process", broker, "records/s", 1.0)
    rate = _median(lambda: _post_batches(system, contacts))
    yield BenchmarkRow(f"POST /v1/contacts/batch, {BATCH} per request", rate, "contacts/s", rate / broker)
    latencies: list[float] = []
    rate = _median(lambda: _post_singly(system, contacts // 2, latencies))
    yield BenchmarkRow(f"POST /v1/contacts, {SENDERS} senders", rate, "contacts/s", rate / broker)
    yield BenchmarkRow("  its median latency", statistics.median(latencies) * 1000, "ms")
    yield BenchmarkRow("  its p99 latency", _percentile(latencies, 0.99) * 1000, "ms")
    rate = _median(lambda: _route_and_decide(system, contacts))
    yield BenchmarkRow("contact on the topic to ticket on tickets.state", rate, "tickets/s", rate / broker)


def _burst_rows(system: System, contacts: int) -> Iterator[BenchmarkRow]:
    for name, send in (("batch", burst.send_by_batch), ("topic", burst.send_by_topic)):
        sent = send(system, contacts)
        yield BenchmarkRow(f"a burst of {sent.sent} contacts by {name}: contacts lost", sent.missing, "contacts")
        yield BenchmarkRow("  until all were accepted", sent.seconds, "s")
        yield BenchmarkRow("  peak memory of intake", sent.peak / 2**20, "MiB")


def _lateness_rows(system: System, tickets: int) -> Iterator[BenchmarkRow]:
    lateness = _lateness(system, tickets)
    name = f"a threshold's event after its time, {tickets} tickets due almost at once, median"
    yield BenchmarkRow(name, statistics.median(lateness), "ms")
    yield BenchmarkRow("  its p99", _percentile(lateness, 0.99), "ms")


@contextmanager
def _system(scale: float) -> Iterator[System]:
    with (
        tempfile.TemporaryDirectory(prefix="duban-bench-") as folder,
        running_system(Path(folder) / "data", scale=scale) as system,
    ):
        yield system


def _median(measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(ROUNDS))


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def _bodies(system: System, count: int) -> list[bytes]:
    return [json.dumps(system.contact_body(), ensure_ascii=False).encode() for _ in range(count)]


def _broker_alone(system: System, count: int) -> float:
    name = f"bench.{time.time_ns()}"
    settings = {
        "title": "x",
        "key": "x",
        "producers": ["x"],
        "consumers": ["x"],
        "cleanup": "delete",
        "retention_hours": 1,
    }
    topics.create(system.kafka, {name: Topic.model_validate(settings | {"max_record_kib": 64})})
    records = [Outgoing(name, str(number).encode(), body, []) for number, body in enumerate(_bodies(system, count))]
    publisher = Publisher(system.kafka, "bench")
    publisher.publish(records[:1])
    started = time.perf_counter()
    publisher.publish(records)
    found = sum(1 for _ in topic_reader.read_all(system.kafka, name))
    spent = time.perf_counter() - started
    publisher.close()
    assert found == count + 1
    return count / spent


def _post_batches(system: System, count: int) -> float:
    bodies = _bodies(system, count)
    started = time.perf_counter()
    for first in range(0, count, BATCH):
        response = system.http.post("/v1/contacts/batch", content=b"\n".join(bodies[first : first + BATCH]))
        assert response.text.count('"status": 202') == len(bodies[first : first + BATCH])
    spent = time.perf_counter() - started
    _wait_until_drained(system)
    return count / spent


def _post_singly(system: System, count: int, latencies: list[float]) -> float:
    bodies = _bodies(system, count)

    def post(body: bytes) -> float:
        started = time.perf_counter()
        assert system.http.post("/v1/contacts", content=body).is_success
        return time.perf_counter() - started

    started = time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as senders:
        latencies += senders.map(post, bodies)
    spent = time.perf_counter() - started
    _wait_until_drained(system)
    return count / spent


def _route_and_decide(system: System, count: int) -> float:
    """Hold the router, fill its topic, release it, and return the tickets opened per second."""
    system.stack.hold("router")
    bodies = _bodies(system, count)
    for first in range(0, count, BATCH):
        system.http.post("/v1/contacts/batch", content=b"\n".join(bodies[first : first + BATCH]))
    before = _ticket_count(system)
    system.stack.release("router")
    eventually(lambda: _ticket_count(system) > before, within=120)
    started, first_seen = time.perf_counter(), _ticket_count(system)
    eventually(lambda: _ticket_count(system) >= before + count, within=600)
    spent = time.perf_counter() - started
    _wait_until_drained(system)
    return (before + count - first_seen) / spent


def _ticket_count(system: System) -> int:
    with system.database() as connection:
        row = connection.execute("select count(*) from ledger.ticket").fetchone()
    return int(row[0]) if row is not None else 0


def _wait_until_drained(system: System) -> None:
    """Wait until every contact has its ticket and nothing is in flight, so that the next measurement starts idle."""

    def drained() -> bool:
        with system.database() as connection:
            row = connection.execute(
                "select count(*), count(t.id) from router.contact c left join ledger.ticket t on t.id = c.ticket_id"
            ).fetchone()
        assert row is not None
        lag = consumer_lag.measure()
        return row[0] == row[1] and not any(lag.values())

    consumer_lag = topic_reader.ConsumerLag(
        system.kafka,
        {
            "router": ["contacts"],
            "ledger": ["tickets.commands"],
            "notifier": ["tickets.events"],
            "callback": ["tickets.events"],
        },
    )
    try:
        eventually(drained, within=600)
    finally:
        consumer_lag.close()


def _lateness(system: System, count: int) -> list[float]:
    """Leave the forms of contacts incomplete for an hour of policy time; returns the lateness in real milliseconds."""
    lines = [json.dumps(system.contact_body(text="")).encode() for _ in range(count)]
    for first in range(0, count, BATCH):
        system.http.post("/v1/contacts/batch", content=b"\n".join(lines[first : first + BATCH]))
    query = "select count(*) from ledger.event where type = 'breached'"
    with system.database() as connection:
        eventually(lambda: connection.execute(query).fetchone() == (count,), within=300)
        rows = connection.execute(
            "select extract(epoch from (body ->> 'recorded_at')::timestamptz - due_at::timestamptz)"
            " from ledger.event, jsonb_to_record(body -> 'threshold') as t(due_at text) where threshold is not null"
        ).fetchall()
    return [float(seconds) / SLOW_CLOCK * 1000 for (seconds,) in rows]


if __name__ == "__main__":
    main()
