"""Measures what the 10,000th command to one ticket costs beside the first, with the ledger's own code on a database.

`python -m tests.load.growth_in_database` prints a row for each slice of commands, with what other tickets take after
it. The broker is not part of it.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from uuid import UUID

import psycopg

from schemas.action import Attach, Dispatch, LinkTo, Note, RecordEntry, Remind
from schemas.command import Action
from schemas.contact import Evidence
from schemas.ticket import Classification, Link
from tests.builders import CENTRE, contact
from tests.database_ledger import DatabaseLedger
from tests.load.growth import COMMANDS, SLICE
from tests.postgres import running_postgres

OTHERS = 50
"""Commands to other tickets after each slice."""


@dataclass(frozen=True)
class StoredSlice:
    """What a slice of the commands cost: milliseconds of wall time for each, saved; and one to another ticket."""

    own: float
    other: float


def actions(others: Sequence[UUID], classification: Classification) -> Iterator[Action]:
    """Yield attach, record, link and remind in turn; each link is to another ticket that is there."""
    for number in count():
        yield Attach(evidence=(Evidence(kind="scan", reference=f"s3://papers/{number}?signature={number:064}"),))
        yield RecordEntry(kind="report", text="的" * 300)
        yield LinkTo(link=Link(ticket_id=others[number], kind="repeat", reason="the same fault"))
        yield Remind(contact=contact(f"again-{number}"), classification=classification, reason="again")


def measure(connection: psycopg.Connection, commands: int = COMMANDS) -> Iterator[StoredSlice]:
    """Send commands to one ticket, one by one, and some to others after each slice; yields what they cost."""
    ledger = DatabaseLedger(connection)
    ticket = ledger.open(contact("one"))
    others = [ledger.open(contact(f"other-{number}")) for number in range(max(commands // 4, OTHERS))]
    ledger.do(ticket, Dispatch(unit="network"), unit=CENTRE)
    pending = actions(others, ledger.ticket(ticket).classification)
    for _ in range(commands // SLICE):
        started = time.perf_counter()
        for _ in range(SLICE):
            ledger.do(ticket, next(pending), unit=CENTRE)
        middle = time.perf_counter()
        for other in others[:OTHERS]:
            ledger.do(other, Note(text="x"), unit=CENTRE)
        yield StoredSlice((middle - started) / SLICE * 1e3, (time.perf_counter() - middle) / OTHERS * 1e3)
        ledger.published.clear()
    refused = connection.execute("select count(*) from ledger.command where outcome <> 'done'").fetchone()
    assert refused == (0,), refused


def main() -> None:
    """Print a table of slices, and the cost of the last as a multiple of the first."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_postgres(Path(folder) / "data") as server,
        server.database() as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        print("| commands | ms each | ms for another ticket |\n|---|---|---|")
        slices = []
        for number, part in enumerate(measure(connection), start=1):
            slices.append(part)
            print(f"| {number * SLICE:,} | {part.own:.2f} | {part.other:.2f} |", flush=True)
        own, other = slices[-1].own / slices[0].own, slices[-1].other / slices[0].other
        print(f"\nlast / first: {own:.2f}, of other tickets {other:.2f}")


if __name__ == "__main__":
    main()
