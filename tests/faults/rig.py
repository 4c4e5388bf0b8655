"""A system whose monitors are started, frozen and killed by scenarios, and the deadlines that they have to meet."""

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
from tests.load.deadline_statistics import DeadlineStatistics
from tests.load.tickets import DueTicket

STOPPED_WITHIN = 15.0
"""Real seconds that a monitor has to end after a signal."""


@dataclass
class MonitorProcess:
    """A running monitor.

    Attributes:
        number: number of its instance, which names its static group membership.
        process: its process.
        log: its log file.

    """

    number: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def frozen(self) -> bool:
        """Whether the process is stopped by SIGSTOP."""
        return psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED

    def count_logged(self, event: str) -> int:
        """Return how often it has logged an event."""
        return self.log.read_text(encoding="utf-8").count(f'"event": "{event}"') if self.log.exists() else 0

    def stop(self, how: signal.Signals) -> None:
        """Send a signal and wait until the process has ended."""
        self.process.send_signal(how)
        self.process.wait(STOPPED_WITHIN)


class MonitorRig:
    """Broker, database and ledger, with monitors of the scenario's own.

    Attributes:
        stack: the running system.
        kafka: settings of a Kafka client.
        monitors: running monitors by number.

    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.kafka = KafkaSettings(bootstrap_servers=stack.bootstrap_servers)
        self.monitors: dict[int, MonitorProcess] = {}
        self._processes = count(1)

    def fill(self, count: int) -> None:
        """Insert open tickets that are not due for days into the ledger's tables."""
        with psycopg.connect(self.stack.database_url()) as connection:
            tickets.fill(connection, count)

    def start_monitor(self, number: int, *, clock_file: Path | None = None) -> MonitorProcess:
        """Start a monitor; with a clock file, its clock is wrong by the seconds in that file."""
        skewed = ["-m", "tests.faults.skewed", str(clock_file), "sla_monitor"]
        command = skewed if clock_file is not None else ["-m", "services.sla_monitor"]
        # Each process has a log of its own, so that events of an earlier one are not counted.
        log = self.stack.folder.logs / f"monitor-{number}-{next(self._processes)}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, *command],
                env=self.stack.environment("sla_monitor")
                | {"DUBAN_INSTANCE": f"monitor-{number}", "DUBAN_OPERATIONS_PORT": "0"},
                stdout=file,
                stderr=file,
            )
        self.monitors[number] = monitor = MonitorProcess(number, process, log)
        return monitor

    def stop_monitor(self, number: int, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop a monitor with a signal."""
        self.monitors.pop(number).stop(how)

    def kill_all(self) -> None:
        """Kill every monitor, including frozen ones."""
        for number in list(self.monitors):
            self.monitors[number].process.send_signal(signal.SIGCONT)
            self.stop_monitor(number, signal.SIGKILL)

    def count_logged(self, event: str) -> int:
        """Return how often monitors have logged an event, including those that ended."""
        logs = self.stack.folder.logs.glob("monitor-*.log")
        return sum(log.read_text(encoding="utf-8").count(f'"event": "{event}"') for log in logs)

    def wait_until_loaded(self, number: int) -> None:
        """Wait until a monitor has loaded its timers."""
        monitor = self.monitors[number]
        eventually(lambda: monitor.count_logged("loaded"), within=60, why=f"monitor {number} has loaded no timers")

    def plan(self, count: int, start: float, duration: float) -> list[DueTicket]:
        """Let tickets come due one after the other; monitors learn of them by their events.

        Args:
            count: number of tickets.
            start: first deadline, in seconds since the epoch.
            duration: seconds over which the deadlines are spread.

        """
        planned = list(tickets.due(count, start, duration))
        with psycopg.connect(self.stack.database_url()) as connection:
            tickets.insert(connection, planned)
        publisher = Publisher(self.kafka, "faults")
        publisher.publish([ticket.event for ticket in planned])
        publisher.close()
        return planned

    def collect(self, planned: Sequence[DueTicket], *, until: float) -> DeadlineStatistics:
        """Wait until every deadline is decided, or until a time in seconds since the epoch; return the statistics."""
        ids = [ticket.id for ticket in planned]
        while time.time() < until and len(self._warned(ids)) < len(ids):
            time.sleep(0.2)
        decided = self._warned(ids)
        stored = DeadlineStatistics.of({ticket.id: ticket.at for ticket in planned}, decided)
        published = self._published(set(ids))
        # A warning counts only if it is stored and published, and as doubled if it is either twice.
        return DeadlineStatistics(
            stored.lateness,
            missing=sum(id_ not in decided or id_ not in published for id_ in ids),
            doubled=sum(len(decided.get(id_, ())) > 1 or len(published.get(id_, ())) > 1 for id_ in ids),
            early=stored.early,
        )

    def _warned(self, ids: Sequence[UUID]) -> dict[UUID, list[float]]:
        """Return when each ticket's warnings were stored, by the database's clock, in seconds since the epoch."""
        query = (
            "select e.ticket_id, t.saved_at from ledger.event e join ledger.ticket t on t.id = e.ticket_id"
            " where e.ticket_id = any(%s) and e.type = 'warned' order by e.version"
        )
        moments: dict[UUID, list[float]] = {}
        try:
            with psycopg.connect(self.stack.database_url(), connect_timeout=5) as connection:
                rows: list[tuple[UUID, datetime]] = connection.execute(query, (list(ids),)).fetchall()
        except psycopg.OperationalError:
            return {}
        for id_, saved_at in rows:
            moments.setdefault(id_, []).append(saved_at.timestamp())
        return moments

    def _published(self, ids: set[UUID]) -> dict[UUID, set[str]]:
        """Return the ids of each ticket's warnings on tickets.events."""
        found: dict[UUID, set[str]] = {}
        for record in topic_reader.read_all(self.kafka, TicketEvent.TOPIC):
            headers = dict(record.headers)
            if headers.get("ce_type") == b"duban.ticket.warned" and (id_ := UUID((record.key or b"").decode())) in ids:
                found.setdefault(id_, set()).add(headers["ce_id"].decode())
        return found

    @contextmanager
    def outage(self, name: str) -> Iterator[None]:
        """Stop the broker (kafka) or the database (postgres) while the block runs."""
        self.stack.hold(name)
        try:
            yield
        finally:
            self.stack.release(name)


@contextmanager
def running_rig(*, session_timeout: int, sweep_after: float) -> Iterator[MonitorRig]:
    """Run broker, database and ledger while the block runs, and kill all monitors at the end.

    Args:
        session_timeout: of the monitors' consumer group, in milliseconds.
        sweep_after: seconds after a deadline at which the ledger's sweeper decides it.

    """
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
            rig = MonitorRig(stack)
            try:
                yield rig
            finally:
                rig.kill_all()
