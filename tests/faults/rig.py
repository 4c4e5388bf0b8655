"""Broker, database, ledger, and monitors that come and go; deadlines, and what became of them."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from unittest.mock import patch
from uuid import UUID

import psutil
import psycopg

from deploy.local import Stack
from deploy.local.plan import StackOptions
from deploy.local.ports import free_port
from schemas.event import TicketEvent
from services.shared.kafka import topic_reader
from services.shared.kafka.publisher import Publisher
from services.shared.runtime.settings import KafkaSettings
from tests.builders import eventually
from tests.load import tickets
from tests.load.outcome import Outcome
from tests.load.tickets import Due

TERM_WITHIN = 15.0


@dataclass
class Worker:
    """One monitor.

    Attributes:
        number: of its instance; static membership goes by it.
        process: as it runs now.
        log: what it says.

    """

    number: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def frozen(self) -> bool:
        """Whether the system has stopped it."""
        return psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED

    def said(self, event: str) -> int:
        """Return how often it has logged something."""
        return self.log.read_text(encoding="utf-8").count(f'"event": "{event}"') if self.log.exists() else 0

    def end(self, how: signal.Signals) -> None:
        """Let it end, and wait until it has."""
        self.process.send_signal(how)
        self.process.wait(TERM_WITHIN)


class Rig:
    """A system without a monitor of its own."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.kafka = KafkaSettings(bootstrap_servers=stack.bootstrap_servers)
        self.workers: dict[int, Worker] = {}
        self._processes = count(1)

    def fill(self, count: int) -> None:
        """Put open tickets that are not due for days into the ledger's tables."""
        with psycopg.connect(self.stack.database_url()) as connection:
            tickets.fill(connection, count)

    def join(self, number: int, *, clock: Path | None = None) -> Worker:
        """Start a monitor, with a clock of its own if a file is given."""
        command = ["-m", "tests.faults.skewed", str(clock)] if clock is not None else ["-m", "services.sla_monitor"]
        # A log for each process: what an earlier one of this number has said is not said by this one.
        log = self.stack.folder.logs / f"worker-{number}-{next(self._processes)}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, *command],
                env=self.stack.environment("sla_monitor")
                | {"DUBAN_INSTANCE": f"worker-{number}", "DUBAN_OPERATIONS_PORT": "0"},
                stdout=file,
                stderr=file,
            )
        self.workers[number] = worker = Worker(number, process, log)
        return worker

    def leave(self, number: int, how: signal.Signals = signal.SIGTERM) -> None:
        """End a monitor."""
        self.workers.pop(number).end(how)

    def all_leave(self) -> None:
        """End every monitor, the frozen ones too."""
        for number in list(self.workers):
            self.workers[number].process.send_signal(signal.SIGCONT)
            self.leave(number, signal.SIGKILL)

    def said(self, event: str) -> int:
        """Return how often monitors have logged something, those that are gone too."""
        logs = self.stack.folder.logs.glob("worker-*.log")
        return sum(each.read_text(encoding="utf-8").count(f'"event": "{event}"') for each in logs)

    def loaded(self, number: int, times: int = 1) -> None:
        """Wait until a monitor has loaded clocks so often."""
        worker = self.workers[number]
        eventually(lambda: worker.said("loaded") >= times, within=60, why=f"worker {number} has loaded no clocks")

    def plan(self, count: int, start: float, over: float) -> list[Due]:
        """Let so many tickets come due, one after the other; monitors hear of them as of any other."""
        told = list(tickets.due(count, start, over))
        with psycopg.connect(self.stack.database_url()) as connection:
            tickets.insert(connection, told)
        publisher = Publisher(self.kafka, "faults")
        publisher.publish([each.news for each in told])
        publisher.close()
        return told

    def outcome(self, told: Sequence[Due], *, until: float) -> Outcome:
        """Wait until every deadline is decided, or an instant has passed; return what became of them."""
        ids = [each.id for each in told]
        while time.time() < until and len(self._warned(ids)) < len(ids):
            time.sleep(0.2)
        decided = self._warned(ids)
        at = {each.id: each.at for each in told}
        late = sorted(moment.timestamp() - at[id_] for id_, moments in decided.items() for moment in moments[:1])
        published = self._published(set(ids))
        return Outcome(
            late,
            missing=sum(1 for id_ in ids if id_ not in decided or id_ not in published),
            doubled=sum(1 for id_ in ids if len(decided.get(id_, ())) > 1 or len(published.get(id_, ())) > 1),
            early=sum(1 for each in late if each < 0),
        )

    def _warned(self, ids: Sequence[UUID]) -> dict[UUID, list[datetime]]:
        """Return when each warning was saved, by the database's clock: no event says of itself that it is early."""
        found: dict[UUID, list[datetime]] = {}
        query = (
            "select e.ticket_id, t.saved_at from ledger.event e join ledger.ticket t on t.id = e.ticket_id"
            " where e.ticket_id = any(%s) and e.type = 'warned' order by e.version"
        )
        try:
            with psycopg.connect(self.stack.database_url(), connect_timeout=5) as connection:
                for id_, moment in connection.execute(query, (list(ids),)):
                    found.setdefault(id_, []).append(moment)
        except psycopg.OperationalError:
            return {}
        return found

    def _published(self, ids: set[UUID]) -> dict[UUID, set[str]]:
        """Return the ids of each ticket's warnings on tickets.events."""
        found: dict[UUID, set[str]] = {}
        for record in topic_reader.read_all(self.kafka, TicketEvent.TOPIC):
            headers = dict(record.headers)
            if headers.get("ce_type") == b"duban.ticket.warned" and (id_ := UUID((record.key or b"").decode())) in ids:
                found.setdefault(id_, set()).add(headers["ce_id"].decode())
        return found

    def swept(self) -> int:
        """Return how many ticks the ledger has sent itself."""
        query = "select coalesce(sum(sweeps), 0) from ledger.clock"
        with psycopg.connect(self.stack.database_url()) as connection:
            row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])

    @contextmanager
    def away(self, name: str) -> Iterator[None]:
        """Let the broker (kafka) or the database (postgres) be away while the block runs."""
        self.stack.hold(name)
        try:
            yield
        finally:
            self.stack.release(name)


@contextmanager
def rig(*, session_timeout: int, sweep_after: float) -> Iterator[Rig]:
    """Start broker, database and ledger; whatever monitors run at the end are ended."""
    tuned = {
        "DUBAN_TUNE_KAFKA_SESSION_TIMEOUT_MS": str(session_timeout),
        "DUBAN_TUNE_SWEEP_AFTER": str(sweep_after),
        "DUBAN_TUNE_SWEEP_EVERY": str(min(5.0, sweep_after / 3)),
    }
    with patch.dict(os.environ, tuned), tempfile.TemporaryDirectory(prefix="duban-faults-") as folder:
        options = StackOptions(
            data=Path(folder) / "data", services=("ledger",), stop_with_parent=True, http_port=free_port()
        )
        with Stack.start(options) as stack:
            made = Rig(stack)
            try:
                yield made
            finally:
                made.all_leave()
