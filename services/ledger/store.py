"""Loads and saves tickets, events, processed commands and deadlines in PostgreSQL."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from schemas.command import Command
from schemas.contact import Customer
from schemas.event import TicketChange, TicketEvent
from schemas.resolved_types import ensure_resolved
from schemas.ticket import SlaTimer, Status, Ticket
from schemas.unknown_fields import convert, encode
from services.domain.authority.granted_sums import Grantor
from services.domain.ids import IssueKey
from services.domain.kpi.cases import CaseEvent
from services.domain.kpi.periods import Period
from services.domain.policy.pack import Pack
from services.domain.whole_ticket import whole_lists
from services.ledger.batch_rows import Row
from services.ledger.domain.evolve import fold
from services.ledger.domain.named_ticket import NamedTicket
from services.shared.postgres.database import Queries
from services.shared.runtime.errors import LostRace

queries = Queries.of_package(__package__)


@dataclass(frozen=True, slots=True)
class ProcessedCommand:
    """A command that was decided in an earlier batch.

    Attributes:
        position: topic, partition and offset.
        versions: of its first and last event; None if it had none.
        commands: that the ledger sent to itself because of it.
        digest: of its content; another content under the same id is a conflict.

    """

    position: tuple[str, int, int]
    ticket_id: UUID
    outcome: str
    versions: tuple[int, int] | None
    commands: tuple[Command, ...]
    digest: bytes


@dataclass(frozen=True, slots=True)
class OverdueTicket:
    """A ticket whose next deadline has passed without a decision.

    Attributes:
        version: of the ticket.
        next_at: the deadline, business time.
        sweeps: how often it was swept since that deadline was set.

    """

    ticket_id: UUID
    version: int
    next_at: datetime
    sweeps: int


@dataclass(frozen=True, slots=True)
class ArchiveDueTicket:
    """A ticket that is due for the archive.

    Attributes:
        version: of the ticket.
        sweeps: how often it was swept since its day was set.

    """

    ticket_id: UUID
    version: int
    sweeps: int


# ---- for batches of commands ----


def load_tickets(
    connection: psycopg.Connection, ids: Iterable[UUID]
) -> tuple[dict[UUID, Ticket], dict[UUID, str | None]]:
    """Return the tickets that exist, by id, and the trace context of each."""
    rows = connection.execute(queries["load_tickets"], {"ids": list(ids)}, binary=True).fetchall()
    return {id_: Ticket.from_record(body) for id_, body, _ in rows}, {id_: trace for id_, _, trace in rows}


def load_named_tickets(connection: psycopg.Connection, ids: Iterable[UUID]) -> dict[UUID, NamedTicket]:
    """Return other tickets that commands name, with all that they were merged into, by id."""
    rows = connection.execute(queries["load_named_tickets"], {"ids": list(ids)}).fetchall()
    return {
        id_: NamedTicket(id_, number, version, pack, Status(status), Customer.from_record(customer), into)
        for id_, number, version, pack, status, customer, into in rows
    }


def count_similar(
    connection: psycopg.Connection, key: IssueKey, since: datetime, until: datetime, *, enough: int
) -> int:
    """Return how many tickets of a kind were accepted after one instant and up to another; it stops at `enough`."""
    values = key._asdict() | {"since": since, "until": until, "enough": enough}
    row = connection.execute(queries["count_similar"], values).fetchone()
    assert row is not None
    return int(row[0])


def load_processed_commands(connection: psycopg.Connection, ids: Iterable[UUID]) -> dict[UUID, ProcessedCommand]:
    """Return those of the commands that were decided before, by id."""
    rows = connection.execute(queries["load_commands"], {"ids": list(ids)}).fetchall()
    return {
        id_: ProcessedCommand(
            position=(topic, partition, offset),
            ticket_id=ticket_id,
            outcome=outcome,
            versions=(first, last) if first is not None else None,
            commands=tuple(convert(command, Command) for command in commands),
            digest=bytes(digest),
        )
        for id_, topic, partition, offset, outcome, first, last, ticket_id, commands, digest in rows
    }


def load_events(connection: psycopg.Connection, ticket_id: UUID, versions: tuple[int, int]) -> list[TicketEvent]:
    """Return stored events of a ticket, from the first of two versions to the last."""
    rows = connection.execute(queries["load_events"], {"ticket_id": ticket_id, "last": versions[1]}).fetchall()
    return fold(TicketChange.from_record(body) for (body,) in rows)[versions[0] - 1 :]


def next_running_numbers(connection: psycopg.Connection, count: int) -> list[int]:
    """Return running numbers for new tickets, which no other ticket has."""
    rows = connection.execute(queries["next_running_numbers"], {"count": count}).fetchall()
    return [number for (number,) in rows]


def lock_grantors(connection: psycopg.Connection, grantors: Iterable[Grantor]) -> None:
    """Keep the sums of some grantors from changing in other transactions until this one ends.

    Without it, two processes would each find the limit of a month kept, and both grant up to it. All locks that a
    transaction needs are taken at once and in one order, so that no two wait for each other.
    """
    keys = [f"{grantor.kind}/{grantor.name}" for grantor in set(grantors)]
    connection.execute(queries["lock_grantors"], {"keys": keys})


def granted_compensation(connection: psycopg.Connection, grantor: Grantor, pack: Pack, month: Period) -> Decimal:
    """Return the yuan of compensation that a grantor has granted in a month, on all tickets of a pack.

    Persons whom the pack names do not count in the sum of their key.
    """
    values = {
        "name": grantor.name,
        "since": month.start,
        "until": month.end,
        "pack": pack.header.name,
        "persons": list(pack.persons),
    }
    row = connection.execute(queries[f"granted_by_{grantor.kind}"], values).fetchone()
    assert row is not None
    return Decimal(row[0])


def known_items(connection: psycopg.Connection, ticket_id: UUID, items: Sequence[bytes]) -> set[bytes]:
    """Return those of some evidence and links, by their hash (`added_items`), that a ticket has had."""
    values = {"ticket_id": ticket_id, "items": list(items)}
    return {bytes(item) for (item,) in connection.execute(queries["known_items"], values).fetchall()}


@contextmanager
def save_rows(connection: psycopg.Connection, rows: Mapping[str, Sequence[Row]]) -> Iterator[None]:
    """Save the rows of a batch, given by the name of the statement (see `batch_rows.build_rows`).

    The database works while the block runs, and has done its work when the block ends.

    Raises:
        LostRace: another owner changed one of the tickets, or one that a decision relied on, since it was loaded.

    """
    with ExitStack() as stack:
        cursors = {name: stack.enter_context(connection.cursor()) for name, batch in rows.items() if batch}
        # Pipeline mode: the statements are sent together, and the results come back together.
        with connection.pipeline():
            for name, cursor in cursors.items():
                cursor.execute(queries[name], {"rows": Jsonb(rows[name], dumps=encode)})
            yield
        for name in ("confirm_tickets", "update_tickets"):
            if rows[name] and cursors[name].rowcount != len(rows[name]):
                raise LostRace("another owner changed a ticket of the batch, or one that it names, first")


# ---- for the sweeper and the republisher ----


def take_archive_due(connection: psycopg.Connection, today: date, *, limit: int) -> list[ArchiveDueTicket]:
    """Return tickets whose day for the archive has come, earliest first, and count the sweep.

    A ticket is not returned again for a while, which doubles with each sweep.
    """
    values = {"today": today, "limit": limit}
    return [ArchiveDueTicket(*row) for row in connection.execute(queries["take_archive_due"], values).fetchall()]


def take_overdue(connection: psycopg.Connection, before: datetime, *, limit: int) -> list[OverdueTicket]:
    """Return tickets whose deadline was before an instant of business time, oldest first, and count the sweep.

    A ticket is not returned again for a while, which doubles with each sweep.
    """
    values = {"before": before, "limit": limit}
    return [OverdueTicket(*row) for row in connection.execute(queries["take_overdue"], values).fetchall()]


def note_takeovers(connection: psycopg.Connection, partitions: Iterable[int]) -> None:
    """Remember that partitions were taken over now, unless an earlier takeover of theirs is not settled yet."""
    connection.execute(queries["note_takeovers"], {"partitions": list(partitions)})


def takeovers(connection: psycopg.Connection, partitions: Iterable[int]) -> dict[int, float]:
    """Return how many (real) seconds ago partitions were taken over, of those whose takeover is not settled."""
    return dict(connection.execute(queries["takeovers"], {"partitions": list(partitions)}).fetchall())


def forget_takeovers(connection: psycopg.Connection, partitions: Iterable[int]) -> None:
    """Settle the takeovers of partitions."""
    connection.execute(queries["forget_takeovers"], {"partitions": list(partitions)})


def recently_saved(
    connection: psycopg.Connection, partitions: Iterable[int], *, seconds: float
) -> dict[int, list[UUID]]:
    """Return the tickets of partitions that were saved within the last (real) seconds, by partition."""
    values = {"partitions": list(partitions), "seconds": seconds}
    return dict(connection.execute(queries["recently_saved"], values).fetchall())


# ---- for the CLI ----


def save_published_states(connection: psycopg.Connection, records: Iterable[tuple[UUID, int, bytes | None]]) -> None:
    """Keep ticket id, offset and digest of each record of tickets.state in a temporary table of the connection."""
    with connection.transaction():
        connection.execute(queries["create_published_states"])
        with connection.cursor().copy(queries["copy_published_states"]) as copy:
            copy.set_types(["uuid", "int8", "bytea"])
            for record in records:
                copy.write_row(record)


def published_states(connection: psycopg.Connection) -> Iterator[tuple[UUID, bytes]]:
    """Yield ticket id and digest of the last record of each ticket on tickets.state, in the order of the ids."""
    yield from _in_order(connection, "published_states")


def tickets_in_order(connection: psycopg.Connection) -> Iterator[tuple[UUID, Ticket]]:
    """Yield every ticket with its id, in the order of the ids."""
    for id_, body in _in_order(connection, "tickets_in_order"):
        yield id_, Ticket.from_record(body)


def changes_in_order(connection: psycopg.Connection) -> Iterator[tuple[UUID, TicketChange]]:
    """Yield the change of every event with its ticket's id, in the order of the ids and of the versions."""
    for id_, body in _in_order(connection, "changes_in_order"):
        yield id_, TicketChange.from_record(body)


def _in_order(connection: psycopg.Connection, name: str) -> Iterator[tuple[UUID, Any]]:
    # All rows are read: without this, the plan would be the one that has the first rows soon.
    connection.execute(queries["read_all_rows"])
    with connection.cursor(name=name) as cursor:
        cursor.itersize = 500
        yield from cursor.execute(queries[name])


def case_histories(
    connection: psycopg.Connection, pack: str, since: datetime, until: datetime
) -> Iterator[tuple[Ticket, list[CaseEvent]]]:
    """Yield each ticket of a pack that was accepted in a range, with the fields of its events that KPIs need.

    The ticket has all clocks that it ever had, those included that are kept in its events alone.
    """
    with connection.cursor(name="case_histories") as cursor:
        cursor.itersize = 500
        values = {"pack": pack, "since": since, "until": until}
        ensure_resolved(list[CaseEvent])
        for body, events, clocks in cursor.execute(queries["case_histories"], values):
            ticket = Ticket.from_record(body)
            if clocks is not None:
                whole = whole_lists(clocks)["clocks"]
                ticket = ticket.replace(clocks=msgspec.convert(whole, tuple[SlaTimer, ...]))
            yield ticket, msgspec.json.decode(events, type=list[CaseEvent])


def tickets_with_running_timer(
    connection: psycopg.Connection, pack: str, *, with_archive: bool = False
) -> Iterator[Ticket]:
    """Yield the tickets of a pack that have a deadline to come, nearest first.

    Args:
        connection: holds a cursor meanwhile; the result may be larger than the memory.
        pack: name of the pack.
        with_archive: whether those of which only the archive is to come follow.

    """
    names = ("tickets_with_running_timer", "tickets_waiting_for_archive")
    for name in names if with_archive else names[:1]:
        with connection.cursor(name=name) as cursor:
            cursor.itersize = 500
            for (body,) in cursor.execute(queries[name], {"pack": pack}):
                yield Ticket.from_record(body)


def owners_of_running_timers(
    connection: psycopg.Connection, pack: str, *, with_archive: bool = False
) -> Iterator[tuple[UUID, Status]]:
    """Yield id and status of the tickets that `tickets_with_running_timer` yields, without loading them.

    The caller may commit meanwhile: whoever works on them for hours must not hold a transaction open so long.
    """
    names = ("owners_of_running_timers", "owners_waiting_for_archive")
    for name in names if with_archive else names[:1]:
        with connection.cursor(name=name, withhold=True) as cursor:
            cursor.itersize = 2_000
            for id_, status in cursor.execute(queries[name], {"pack": pack}):
                yield id_, Status(status)


def count_owners(connection: psycopg.Connection, pack: str) -> tuple[int, int]:
    """Return how many tickets of a pack have a deadline to come, and how many only wait for their archive."""
    row = connection.execute(queries["count_owners"], {"pack": pack}).fetchone()
    assert row is not None
    return row[0], row[1]


def decided_commands(connection: psycopg.Connection, ids: Collection[UUID]) -> set[UUID]:
    """Return which of some commands are decided."""
    rows = connection.execute(queries["decided_commands"], {"ids": list(ids)}).fetchall()
    return {id_ for (id_,) in rows}


def ticket_with_events(connection: psycopg.Connection, number: str) -> tuple[Ticket, list[TicketEvent]] | None:
    """Return a ticket with all its events, in order; None if there is none of that number."""
    row = connection.execute(queries["ticket_with_events"], {"number": number}).fetchone()
    if row is None:
        return None
    body, events = row
    return Ticket.from_record(body), fold(TicketChange.from_record(event) for event in events)
