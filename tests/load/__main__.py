"""`make bench`: what the system does per second, side by side in one run with what the broker alone does.

Each figure is the median of some rounds. Nothing here is a test: a slow machine is no failure.
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
HANDS = 8
"""Senders at once at the HTTP door."""
SLOW_CLOCK = 60.0


@dataclass
class Figure:
    """One line of the report."""

    name: str
    value: float
    unit: str
    ratio: float | None = None

    def line(self) -> str:
        """Return it as a row of a table."""
        ratio = f"{self.ratio:.3f}" if self.ratio is not None else ""
        return f"| {self.name} | {self.value:,.1f} | {self.unit} | {ratio} |"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--contacts", type=int, default=2000, help="contacts of each measurement")
    parser.add_argument("--burst", type=int, default=20_000, help="contacts of a burst")
    told = parser.parse_args()
    figures: list[Figure] = []
    with _system(1.0) as system:
        floor = _median(lambda: _broker_alone(system, told.contacts))
        figures.append(
            Figure("the broker alone: contacts produced and read back, one process", floor, "records/s", 1.0)
        )
        rate = _median(lambda: _batches(system, told.contacts))
        figures.append(Figure("POST /v1/contacts/batch, 200 a request", rate, "contacts/s", rate / floor))
        latencies: list[float] = []
        rate = _median(lambda: _singles(system, told.contacts // 2, latencies))
        figures.append(Figure(f"POST /v1/contacts, {HANDS} senders", rate, "contacts/s", rate / floor))
        figures.append(Figure("  of these, the median answer", statistics.median(latencies) * 1000, "ms"))
        figures.append(Figure("  of these, the slowest of a hundred", _percentile(latencies, 0.99) * 1000, "ms"))
        rate = _median(lambda: _line(system, told.contacts))
        figures.append(Figure("contact on the topic to ticket on tickets.state", rate, "tickets/s", rate / floor))
        for name, sent in (("batch", burst.by_batch), ("topic", burst.by_topic)):
            came = sent(system, told.burst)
            figures.append(
                Figure(f"a burst of {came.sent} contacts by {name}: contacts lost", came.missing, "contacts")
            )
            figures.append(Figure("  until all were taken in", came.seconds, "s"))
            figures.append(Figure("  memory of intake at the most", came.peak / 2**20, "MiB"))
    with _system(SLOW_CLOCK) as system:
        late = _lateness(system, told.contacts // 2)
        figures.append(
            Figure(
                f"a threshold's event after its time, {told.contacts // 2} tickets due at about once, median",
                statistics.median(late),
                "ms",
            )
        )
        figures.append(Figure("  of these, the latest of a hundred", _percentile(late, 0.99), "ms"))
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {psutil.virtual_memory().total >> 30} GiB"
    )
    print("\n| what | figure | unit | of the broker alone |\n|---|---|---|---|")
    for each in figures:
        print(each.line())
    print("\n| rules (messages) | the rule, µs | reading its message with orjson and pydantic, µs | ratio |")
    print("|---|---|---|---|")
    for cost in rules.costs():
        print(cost.line())


@contextmanager
def _system(scale: float) -> Iterator[System]:
    with (
        tempfile.TemporaryDirectory(prefix="duban-bench-") as folder,
        running_system(Path(folder) / "data", scale=scale) as system,
    ):
        yield system


def _median(measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(ROUNDS))


def _percentile(values: list[float], part: float) -> float:
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]


def _bodies(system: System, count: int) -> list[bytes]:
    return [json.dumps(system.contact_body(), ensure_ascii=False).encode() for _ in range(count)]


def _broker_alone(system: System, count: int) -> float:
    name = f"bench.{time.time_ns()}"
    shape = {
        "title": "x",
        "key": "x",
        "producers": ["x"],
        "consumers": ["x"],
        "cleanup": "delete",
        "retention_hours": 1,
    }
    topics.create(system.kafka, {name: Topic.model_validate(shape | {"max_record_kib": 64})})
    records = [Outgoing(name, str(number).encode(), body, []) for number, body in enumerate(_bodies(system, count))]
    publisher = Publisher(system.kafka, "bench")
    publisher.publish(records[:1])
    began = time.perf_counter()
    publisher.publish(records)
    found = sum(1 for _ in topic_reader.read_all(system.kafka, name))
    spent = time.perf_counter() - began
    publisher.close()
    assert found == count + 1
    return count / spent


def _batches(system: System, count: int) -> float:
    bodies = _bodies(system, count)
    began = time.perf_counter()
    for first in range(0, count, 200):
        answer = system.http.post("/v1/contacts/batch", content=b"\n".join(bodies[first : first + 200]))
        assert answer.text.count('"status": 202') == len(bodies[first : first + 200])
    spent = time.perf_counter() - began
    _drained(system)
    return count / spent


def _singles(system: System, count: int, latencies: list[float]) -> float:
    bodies = _bodies(system, count)

    def one(body: bytes) -> float:
        began = time.perf_counter()
        assert system.http.post("/v1/contacts", content=body).is_success
        return time.perf_counter() - began

    began = time.perf_counter()
    with ThreadPoolExecutor(HANDS) as hands:
        latencies += hands.map(one, bodies)
    spent = time.perf_counter() - began
    _drained(system)
    return count / spent


def _line(system: System, count: int) -> float:
    """Hold the router, fill its topic, and see how fast everything becomes tickets."""
    system.stack.hold("router")
    bodies = _bodies(system, count)
    for first in range(0, count, 200):
        system.http.post("/v1/contacts/batch", content=b"\n".join(bodies[first : first + 200]))
    before = _tickets(system)
    system.stack.release("router")
    eventually(lambda: _tickets(system) > before, within=120)
    began, first_seen = time.perf_counter(), _tickets(system)
    eventually(lambda: _tickets(system) >= before + count, within=600)
    spent = time.perf_counter() - began
    _drained(system)
    return (before + count - first_seen) / spent


def _tickets(system: System) -> int:
    with system.database() as connection:
        row = connection.execute("select count(*) from ledger.ticket").fetchone()
    return int(row[0]) if row is not None else 0


def _drained(system: System) -> None:
    """Wait until every contact so far has its ticket, so that one measurement does not slow the next."""

    def done() -> bool:
        with system.database() as connection:
            row = connection.execute(
                "select count(*), count(t.id) from router.contact c left join ledger.ticket t on t.id = c.ticket_id"
            ).fetchone()
        assert row is not None
        lag = look.measure()
        return row[0] == row[1] and not any(lag.values())

    look = topic_reader.ConsumerLag(
        system.kafka,
        {
            "router": ["contacts"],
            "ledger": ["tickets.commands"],
            "notifier": ["tickets.events"],
            "callback": ["tickets.events"],
        },
    )
    try:
        eventually(done, within=600)
    finally:
        look.close()


def _lateness(system: System, count: int) -> list[float]:
    """Leave the forms of many contacts unfinished; each has an hour, a minute here. Returns real milliseconds."""
    lines = [json.dumps(system.contact_body(text="")).encode() for _ in range(count)]
    for first in range(0, count, 200):
        system.http.post("/v1/contacts/batch", content=b"\n".join(lines[first : first + 200]))
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
