"""What must hold of a database that another commit has made, after today's code has migrated it (issue 18)."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import psycopg
from pydantic import SecretStr

from schemas.action import ApplyPolicy
from schemas.command import Actor, Command
from schemas.event import TicketEvent
from schemas.ticket import Ticket
from services.domain.ids import command_id
from services.domain.policy.base import PolicyError
from services.ledger import store
from services.ledger.batch_rows import archive_day
from services.ledger.domain.timers import POLICY_APPLIED, Comparison
from services.ledger.verify import verify
from services.policies import versions
from services.shared.kafka.records import Incoming, Outgoing
from services.shared.postgres.migrations import migrate
from tests import clock_invariants
from tests.builders import PACKS
from tests.database_ledger import DatabaseLedger, SettableClock

LATER = (timedelta(hours=6), timedelta(days=3), timedelta(days=40), timedelta(days=4 * 366))
"""How far time goes on after the upgrade: everything that is still to come, comes."""
EXCEEDED_TWICE = """
select t.number, split_part(threshold, '/', 2) as clock, split_part(threshold, '/', 3) as run, count(*)
from ledger.event e join ledger.ticket t on t.id = e.ticket_id
where e.type = 'breached' group by t.number, 2, 3 having count(*) > 1
"""


class Populated(NamedTuple):
    """What the other commit has made.

    Attributes:
        tickets: how many.
        now: business time at which all that was due had been decided, in UTC.
        states: the last record of each ticket on tickets.state, by its key.

    """

    tickets: int
    now: datetime
    states: Mapping[str, bytes]


def problems(url: str, made: Populated) -> Iterator[str]:
    """Migrate a database and yield everything that is wrong with it then, and as time goes on."""
    migrate(SecretStr(url))
    with psycopg.connect(url, autocommit=True) as connection:
        yield from _unreadable_policies(connection)
        differences = list(_differences(connection, made.states, made.tickets))
        if differences:
            yield from differences
            # What comes now would judge tickets that are not whole.
            return
        ledger = DatabaseLedger(connection, PACKS, SettableClock(made.now.astimezone(UTC)))
        tickets = _stored(connection)
        for ticket in tickets.values():
            yield from _wrong_after_upgrade(ledger, ticket)
        yield from _wrong_deadlines(connection)
        for span in LATER:
            ledger.clock.time = made.now.astimezone(UTC) + span
            for id_ in tickets:
                ledger.tick(id_)
        yield from _wrong_deadlines(connection)
        yield from _exceeded_twice(connection)
        states = dict(made.states) | last_states(ledger.published)
        yield from _differences(connection, states, len(_stored(connection)))


def _stored(connection: psycopg.Connection) -> dict[UUID, Ticket]:
    with connection.transaction():
        return dict(store.tickets_in_order(connection))


def last_states(published: list[Outgoing]) -> dict[str, bytes]:
    """Return the last record of each ticket among records for tickets.state, by its key."""
    return {(record.key or b"").decode(): record.value or b"" for record in published if record.topic == Ticket.TOPIC}


def _unreadable_policies(connection: psycopg.Connection) -> Iterator[str]:
    for version in versions.load(connection):
        try:
            _ = version.policy
        except PolicyError as error:
            yield f"a version of the policy in the database cannot be read: {error}"


def _differences(connection: psycopg.Connection, states: Mapping[str, bytes], tickets: int) -> Iterator[str]:
    records = [
        Incoming(Ticket.TOPIC, 0, offset, key.encode(), value) for offset, (key, value) in enumerate(states.items())
    ]
    found: list[str] = []
    result = verify(connection, records, found.append)
    yield from (f"ledger verify: {difference}" for difference in found)
    if result.tickets != tickets:
        yield f"{result.tickets} tickets are stored, not {tickets}"


def _wrong_after_upgrade(ledger: DatabaseLedger, before: Ticket) -> Iterator[str]:
    """Apply today's policy to a ticket; then it must have the clocks of today's rules, and nothing may be late."""
    pack, now = ledger.packs[before.policy.pack], ledger.clock.now()
    first = len(ledger.published)
    ledger.decide(
        Command(
            id=command_id(before.id, "upgrade"),
            ticket_id=before.id,
            at=now,
            actor=Actor(kind="service", name="policy"),
            action=ApplyPolicy(version=pack.reference.version),
        )
    )
    ledger.tick(before.id)
    ticket = ledger.ticket(before.id)
    for event in _events(ledger.published[first:]):
        if event.threshold is not None and event.threshold.outcome == "fired" and event.type != "archived":
            yield f"{ticket.number}: {event.type} of {event.threshold.clock} at {event.at} was not due"
    again = Comparison(ticket, ticket, pack, max(now, ticket.updated_at), POLICY_APPLIED).changed()
    if again:
        yield f"{ticket.number}: today's rules would still change {', '.join(timer.name for timer in again)}"
    if ticket.open and not clock_invariants.watched(ticket, pack):
        yield f"{ticket.number}: it is {ticket.status} and has neither promise nor closing clock"


def _wrong_deadlines(connection: psycopg.Connection) -> Iterator[str]:
    """Compare the rows by which tickets are looked at again with the tickets themselves."""
    deadlines: dict[UUID, datetime] = dict(connection.execute("select ticket_id, next_at from ledger.clock").fetchall())
    days: dict[UUID, date] = dict(connection.execute("select ticket_id, day from ledger.archive_due").fetchall())
    for id_, ticket in _stored(connection).items():
        if deadlines.get(id_) != ticket.next_action_at:
            yield f"{ticket.number}: ledger.clock has {deadlines.get(id_)}, the ticket {ticket.next_action_at}"
        day = archive_day(ticket.archive_at) if ticket.archive_at is not None else None
        if days.get(id_) != day:
            yield f"{ticket.number}: ledger.archive_due has {days.get(id_)}, the ticket {day}"


def _exceeded_twice(connection: psycopg.Connection) -> Iterator[str]:
    rows = connection.execute(EXCEEDED_TWICE).fetchall()
    for number, clock, run, times in rows:
        yield f"{number}: the clock {clock} was exceeded {times} times in its run {run}"


def _events(published: list[Outgoing]) -> Iterator[TicketEvent]:
    return (TicketEvent.from_record(record.value or b"") for record in published if record.topic == TicketEvent.TOPIC)
