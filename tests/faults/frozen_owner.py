"""Two ledgers, one of which is frozen between saving and publishing for longer than its session (promise 3).

Alone: `python -m tests.faults.frozen_owner --frozen 30 100`. In the end the last record of tickets.state has to be the
row of every ticket.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch
from uuid import UUID, uuid4

import psutil
import psycopg

from deploy.local import Stack
from deploy.local.plan import StackOptions
from deploy.local.ports import free_port
from duban.simulated_actor import simulated_actor
from schemas.action import Note, Open
from schemas.command import Command
from schemas.ticket import Ticket
from services.domain.classify import classify
from services.domain.ids import ticket_id
from services.shared.kafka import topic_reader
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import outgoing
from services.shared.runtime.settings import KafkaSettings
from tests.builders import CENTRE, PACK, contact, eventually

PACK_NAME = "carrier"
TICKETS = 12
SESSION_MS = 6_000
QUIET = 15.0
"""Real seconds after the end of the fault for which the last states are watched."""


@dataclass(frozen=True)
class FrozenOwnerResult:
    """Outcome of the fault.

    Attributes:
        frozen: real seconds for which the owner stood still.
        states: versions of the ticket on tickets.state, in order.
        taken_over: real seconds from the freeze until another ledger had decided the next command.
        differences: tickets whose last state is not their row.

    """

    frozen: float
    states: list[int]
    taken_over: float
    differences: int


class LedgerRig:
    """Broker and database, with two ledgers of its own."""

    def __init__(self, stack: Stack, faults: Path) -> None:
        self._stack = stack
        self._faults = faults
        self._kafka = KafkaSettings(bootstrap_servers=stack.bootstrap_servers)
        self._publisher = Publisher(self._kafka, "faults")
        self._processes = [self._start(number) for number in range(2)]

    def _start(self, number: int) -> "subprocess.Popen[bytes]":
        environment = self._stack.environment("ledger") | {
            "DUBAN_INSTANCE": f"ledger-{number}",
            "DUBAN_OPERATIONS_PORT": "0",
            "DUBAN_FAULTS": str(self._faults),
        }
        with (self._stack.folder.logs / f"ledger-{number}.log").open("wb") as log:
            return subprocess.Popen([sys.executable, "-m", "services.ledger"], env=environment, stdout=log, stderr=log)

    def send(self, ticket: UUID, action: Open | Note) -> None:
        """Send a command, as the centre's."""
        actor, authority = simulated_actor(action, PACK_NAME, CENTRE)
        command = Command(
            id=uuid4(),
            ticket_id=ticket,
            at=datetime.now(UTC),
            actor=actor,
            policy=PACK_NAME,
            action=action,
            authority=authority,
        )
        self._publisher.publish([outgoing(command, "faults")])

    def open_ticket(self) -> UUID:
        """Open a ticket and return its id."""
        message = contact(str(uuid4()), at=datetime.now(UTC))
        self.send(id_ := ticket_id(message.id), Open(contact=message, classification=classify(message, PACK)))
        return id_

    def rows(self) -> dict[UUID, int]:
        """Return the version of each ticket as it is stored."""
        with psycopg.connect(self._stack.database_url()) as connection:
            return dict(connection.execute("select id, version from ledger.ticket").fetchall())

    def states(self) -> dict[UUID, list[int]]:
        """Return the versions on tickets.state by ticket, in order."""
        found: dict[UUID, list[int]] = {}
        for record in topic_reader.read_all(self._kafka, Ticket.TOPIC):
            ticket = Ticket.from_record(record.value or b"")
            found.setdefault(ticket.id, []).append(ticket.version)
        return found

    def differences(self) -> int:
        """Return how many tickets' last state is not their row."""
        states = self.states()
        return sum(states.get(id_, [0])[-1] != version for id_, version in self.rows().items())

    def freeze_owner(self, ticket: UUID) -> "subprocess.Popen[bytes]":
        """Let the owner of a ticket freeze between saving and publishing its next command, and return it."""
        (self._faults / "ledger").write_text("after_save freeze", encoding="utf-8")
        self.send(ticket, Note(text="saved by the frozen one"))
        (frozen,) = eventually(lambda: [each for each in self._processes if _stopped(each)])
        return frozen

    def close(self) -> None:
        """End the ledgers."""
        self._publisher.close()
        for process in self._processes:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


def _stopped(process: "subprocess.Popen[bytes]") -> bool:
    return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED


@contextmanager
def running_rig() -> Iterator[LedgerRig]:
    """Run broker, database and two ledgers while the block runs."""
    tuned = {"DUBAN_TUNE_KAFKA_SESSION_TIMEOUT_MS": str(SESSION_MS)}
    with patch.dict(os.environ, tuned), tempfile.TemporaryDirectory(prefix="duban-faults-") as folder:
        options = StackOptions(data=Path(folder) / "data", services=(), stop_with_parent=True, http_port=free_port())
        faults = Path(folder) / "faults"
        faults.mkdir()
        with Stack.start(options) as stack:
            rig = LedgerRig(stack, faults)
            try:
                yield rig
            finally:
                rig.close()


def freeze(rig: LedgerRig, seconds: float) -> FrozenOwnerResult:
    """Freeze the owner of a ticket, let the other ledger decide on it, and compare the last states with the rows."""
    ids = [rig.open_ticket() for _ in range(TICKETS)]
    eventually(lambda: all(id_ in rig.states() for id_ in ids), within=60)
    ticket = ids[0]
    before = rig.rows()[ticket]
    owner, began = rig.freeze_owner(ticket), time.monotonic()
    rig.send(ticket, Note(text="decided by the other one"))
    eventually(lambda: rig.rows()[ticket] >= before + 2, within=seconds)
    taken_over = time.monotonic() - began
    time.sleep(max(0.0, began + seconds - time.monotonic()))
    owner.send_signal(signal.SIGCONT)
    frozen, until = time.monotonic() - began, time.monotonic() + QUIET
    while time.monotonic() < until:
        time.sleep(1.0)
    return FrozenOwnerResult(frozen, rig.states()[ticket], taken_over, rig.differences())


def main() -> None:
    """Freeze an owner for each of the given times; exit code 1 if a last state is not the row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frozen", nargs="+", type=float, default=[30.0, 100.0])
    failed = False
    print("| frozen s | taken over after s | versions on tickets.state | last states that are not the row |")
    print("|---|---|---|---|")
    with running_rig() as rig:
        for seconds in parser.parse_args().frozen:
            found = freeze(rig, seconds)
            print(f"| {found.frozen:.0f} | {found.taken_over:.1f} | {found.states} | {found.differences} |", flush=True)
            failed |= found.differences > 0
    sys.exit(failed)


if __name__ == "__main__":
    main()
