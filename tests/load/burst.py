"""A burst of contacts by HTTP batch and by topic: nothing is lost, and how much memory intake takes for it."""

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

AT_ONCE = 500
EVERY = 0.1
"""Seconds between two looks at the memory."""


@dataclass
class Memory:
    """Resident memory of a process while something happens.

    Attributes:
        peak: most of it, bytes.

    """

    pid: int
    peak: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def watched(self) -> Iterator["Memory"]:
        """Look at it again and again while the block runs."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()

    def _watch(self) -> None:
        process = psutil.Process(self.pid)
        while not self._over.wait(EVERY):
            self.peak = max(self.peak, process.memory_info().rss)


@dataclass(frozen=True)
class Burst:
    """What came of a burst.

    Attributes:
        sent: contacts.
        seconds: until intake had acknowledged them, or published them.
        missing: contacts without a ticket in the end.
        peak: bytes of memory that intake took at the most.

    """

    sent: int
    seconds: float
    missing: int
    peak: int


def by_batch(system: System, count: int) -> Burst:
    """Send a burst by `POST /v1/contacts/batch`."""
    told = [system.contact_body() for _ in range(count)]
    bodies = [json.dumps(each, ensure_ascii=False).encode() for each in told]
    with _intake(system).watched() as memory:
        began = time.perf_counter()
        for first in range(0, count, AT_ONCE):
            answer = system.http.post("/v1/contacts/batch", content=b"\n".join(bodies[first : first + AT_ONCE]))
            assert answer.text.count('"status": 202') == len(bodies[first : first + AT_ONCE]), answer.text[:300]
        spent = time.perf_counter() - began
        missing = _missing(system, [str(each["message_id"]) for each in told])
    return Burst(count, spent, missing, memory.peak)


def by_topic(system: System, count: int) -> Burst:
    """Send a burst by the halls' channel topic."""
    names = [system.unique_ids() for _ in range(count)]
    accepted = int(system.clock.now().timestamp() * 1000)
    records = [
        Outgoing("channel.store", name.encode(), json.dumps(_event(name, phone, accepted)).encode(), [])
        for name, phone in names
    ]
    with _intake(system).watched() as memory:
        publisher = Publisher(system.kafka, "burst")
        publisher.publish(records)
        publisher.close()
        began = time.perf_counter()
        missing = _missing(system, [name for name, _ in names])
    return Burst(count, time.perf_counter() - began, missing, memory.peak)


def _event(name: str, phone: str, accepted: int) -> dict[str, object]:
    return {
        "event_id": name,
        "hall": {"code": "H1"},
        "accepted_at": accepted,
        "customer": {"phone": phone},
        "content": "家里宽带网速很慢，已经一个星期了",
    }


def _intake(system: System) -> Memory:
    return Memory(system.stack.state.processes["intake"].pid)


def _missing(system: System, names: list[str]) -> int:
    """Wait until every contact has its ticket; returns how many have none after ten minutes."""

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
