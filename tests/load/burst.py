"""Measures a burst of contacts by HTTP batch and by topic: lost contacts, duration and intake's memory."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Outgoing
from tests.builders import eventually
from tests.system import System

BATCH = 500
"""Contacts in a request."""
SAMPLE_EVERY = 0.1
"""Seconds between two samples of the memory."""


@dataclass
class MemoryWatcher:
    """Samples the resident memory of a process.

    Attributes:
        pid: id of the process.
        peak: highest sample, in bytes.

    """

    pid: int
    peak: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def sampling(self) -> Iterator["MemoryWatcher"]:
        """Sample the memory while the block runs."""
        thread = threading.Thread(target=self._sample, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stopping.set()
            thread.join()

    def _sample(self) -> None:
        process = psutil.Process(self.pid)
        while not self._stopping.wait(SAMPLE_EVERY):
            self.peak = max(self.peak, process.memory_info().rss)


@dataclass(frozen=True)
class ContactBurst:
    """Outcome of a burst.

    Attributes:
        sent: number of contacts.
        seconds: until intake had acknowledged all, or all had tickets.
        missing: number of contacts without a ticket in the end.
        peak: highest resident memory of intake, in bytes.

    """

    sent: int
    seconds: float
    missing: int
    peak: int


def send_by_batch(system: System, count: int) -> ContactBurst:
    """Send a burst by `POST /v1/contacts/batch`."""
    contacts = [system.contact_body() for _ in range(count)]
    bodies = [json.dumps(contact, ensure_ascii=False).encode() for contact in contacts]
    with _intake_memory(system).sampling() as memory:
        started = time.perf_counter()
        for first in range(0, count, BATCH):
            response = system.http.post("/v1/contacts/batch", content=b"\n".join(bodies[first : first + BATCH]))
            assert response.text.count('"status": 202') == len(bodies[first : first + BATCH]), response.text[:300]
        spent = time.perf_counter() - started
        missing = _missing(system, [str(contact["message_id"]) for contact in contacts])
    return ContactBurst(count, spent, missing, memory.peak)


def send_by_topic(system: System, count: int) -> ContactBurst:
    """Send a burst by the channel topic of business halls."""
    names = [system.unique_ids() for _ in range(count)]
    accepted = int(system.clock.now().timestamp() * 1000)
    records = [
        Outgoing("channel.store", name.encode(), json.dumps(_store_event(name, phone, accepted)).encode(), [])
        for name, phone in names
    ]
    with _intake_memory(system).sampling() as memory:
        publisher = Publisher(system.kafka, "burst")
        publisher.publish(records)
        publisher.close()
        started = time.perf_counter()
        missing = _missing(system, [name for name, _ in names])
    return ContactBurst(count, time.perf_counter() - started, missing, memory.peak)


def _store_event(name: str, phone: str, accepted: int) -> dict[str, object]:
    return {
        "event_id": name,
        "hall": {"code": "H1"},
        "accepted_at": accepted,
        "customer": {"phone": phone},
        "content": "家里宽带网速很慢，已经一个星期了",
    }


def _intake_memory(system: System) -> MemoryWatcher:
    return MemoryWatcher(system.stack.state.processes["intake"].pid)


def _missing(system: System, names: list[str]) -> int:
    """Wait up to ten minutes until every contact has a ticket; returns how many have none."""

    def without() -> int:
        with system.database() as connection:
            row = connection.execute(
                "select count(t.id) from router.contact c join ledger.ticket t on t.id = c.ticket_id "
                "where c.message_id = any(%s)",
                (names,),
            ).fetchone()
        return len(names) - (int(row[0]) if row is not None else 0)

    try:
        eventually(lambda: without() == 0, within=600)
    except AssertionError:
        return without()
    return 0
