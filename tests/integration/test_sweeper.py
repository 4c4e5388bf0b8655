"""Tickets of which only the archive is to come: a row with their day, which the sweeper ticks in slices."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from schemas.action import Note, Withdraw
from schemas.command import Command
from schemas.ticket import Status
from services.ledger.metrics import LedgerMetrics
from services.ledger.settings import LedgerSettings
from services.ledger.sweeper import MAX_ARCHIVE_TICKS, Sweeper
from services.shared.kafka.records import Outgoing
from services.shared.postgres.database import Database
from services.sla_monitor.store import load_deadlines
from tests.builders import CENTRE, contact
from tests.database_ledger import DatabaseLedger
from tests.postgres import PostgresServer

DAY = timedelta(days=1)
NEVER_OVERDUE = 10.0**6


@dataclass
class SweeperRig:
    """A ledger, and a sweeper that sweeps at every call."""

    ledger: DatabaseLedger
    sweeper: Sweeper
    database: Database

    def sweep(self) -> list[Command]:
        """Return the ticks of one sweep."""
        records: list[Outgoing] = []
        self.sweeper.send_ticks(records.extend)
        return [Command.from_json(record.value or b"") for record in records]

    def withdrawn(self, message_id: str = "m1") -> UUID:
        """Return a ticket of which only the archive is to come."""
        ticket = self.ledger.open(contact(message_id))
        self.ledger.do(ticket, Withdraw(reason="已自行恢复", evidence="calls/1"), unit=CENTRE)
        return ticket

    def watched(self) -> set[bytes]:
        """Return the ids of the tickets that a monitor loads."""
        return {row.ticket for rows in load_deadlines(self.database, range(12), first=100, chunk=100) for row in rows}

    def archive_rows(self) -> list[UUID]:
        """Return the tickets that wait for their day."""
        return [id_ for (id_,) in self.ledger.connection.execute("select ticket_id from ledger.archive_due")]


@pytest.fixture
def rig(postgres: PostgresServer) -> Iterator[SweeperRig]:
    with postgres.database() as url, psycopg.connect(url, autocommit=True) as connection:
        ledger = DatabaseLedger(connection)
        with closing(Database(SecretStr(url), name="tests", size=1)) as database:
            settings = LedgerSettings(sweep_every=0, sweep_after=NEVER_OVERDUE)
            sweeper = Sweeper(database, ledger.clock, settings, LedgerMetrics(CollectorRegistry()))
            yield SweeperRig(ledger, sweeper, database)


def test_no_monitor_loads_a_ticket_that_waits_for_the_archive(rig: SweeperRig) -> None:
    open_, over = rig.ledger.open(contact("open")), rig.withdrawn()
    assert rig.watched() == {open_.bytes}
    assert rig.archive_rows() == [over]


def test_a_ticket_is_archived_on_the_day_after_its_instant(rig: SweeperRig) -> None:
    ticket = rig.withdrawn()
    due = rig.ledger.ticket(ticket).archive_at
    assert due is not None
    midnight = due.replace(hour=0, minute=0, second=0, microsecond=0) + DAY
    rig.ledger.clock.time = midnight - timedelta(seconds=1)
    assert rig.sweep() == []
    rig.ledger.clock.time = midnight
    (tick,) = rig.sweep()
    assert tick.ticket_id == ticket
    assert rig.sweep() == [], "it is not sent again at once"
    rig.ledger.decide(tick)
    assert rig.ledger.ticket(ticket).status is Status.ARCHIVED
    assert rig.archive_rows() == []


def test_a_tick_that_was_lost_is_sent_again_under_another_id(rig: SweeperRig) -> None:
    ticket = rig.withdrawn()
    rig.ledger.clock.time += 4 * 366 * DAY
    (first,) = rig.sweep()
    rig.ledger.connection.execute("update ledger.archive_due set swept_at = swept_at - interval '10 minutes'")
    (again,) = rig.sweep()
    assert (again.ticket_id, again.id == first.id) == (ticket, False)


def test_many_tickets_of_one_day_are_ticked_in_slices(rig: SweeperRig) -> None:
    ticket = rig.withdrawn()
    count = MAX_ARCHIVE_TICKS + 50
    _copies(rig, ticket, count - 1)
    rig.ledger.clock.time += 4 * 366 * DAY
    sweeps = [rig.sweep() for _ in range(3)]
    assert [len(ticks) for ticks in sweeps] == [MAX_ARCHIVE_TICKS, 50, 0]
    assert len({tick.ticket_id for ticks in sweeps for tick in ticks}) == count


def test_a_note_on_a_ticket_that_waits_keeps_its_day(rig: SweeperRig) -> None:
    ticket = rig.withdrawn()
    before = rig.ledger.connection.execute("select day, version from ledger.archive_due").fetchone()
    rig.ledger.clock.time += DAY
    rig.ledger.do(ticket, Note(text="x"), unit=CENTRE)
    after = rig.ledger.connection.execute("select day, version from ledger.archive_due").fetchone()
    assert before is not None
    assert after == (before[0], before[1] + 1)


def _copies(rig: SweeperRig, ticket: UUID, count: int) -> None:
    """Add copies of a ticket's rows, each with an id and a number of its own."""
    rig.ledger.connection.execute(
        """
        with copy as (
            insert into ledger.ticket
                (id, number, version, partition, status, contact_id, accepted_at, updated_at, body)
            select gen_random_uuid(), number || '-' || i, version, partition, status, gen_random_uuid(), accepted_at,
                updated_at, body
            from ledger.ticket, generate_series(1, %s) i where id = %s
            returning id)
        insert into ledger.archive_due (ticket_id, version, day)
        select copy.id, version, day from copy, ledger.archive_due
        """,
        (count, ticket),
    )
