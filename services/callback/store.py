"""Plans of callbacks in PostgreSQL."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from services.callback.domain.call_capacity import Team
from services.callback.domain.plan import CallbackPlan
from services.shared.postgres.database import Queries

queries = Queries.of_package(__package__)


def latest(connection: psycopg.Connection, tickets: Iterable[UUID]) -> dict[UUID, CallbackPlan]:
    """Return the plan of each ticket's latest run that has one, held until the end of the transaction."""
    with connection.cursor(row_factory=class_row(CallbackPlan)) as cursor:
        found = cursor.execute(queries["of_tickets"], {"tickets": list(tickets)}).fetchall()
    # In the order of the runs: the last one stays.
    return {each.ticket_id: each for each in found}


def save(connection: psycopg.Connection, plans: Iterable[CallbackPlan], now: datetime) -> None:
    """Save plans after events; one that has seen a later event already stays as it is."""
    rows = [asdict(each) | {"now": now} for each in plans]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(queries["save"], rows)


def due(connection: psycopg.Connection, now: datetime) -> list[CallbackPlan]:
    """Return whom to ask in writing now, at most 200."""
    with connection.cursor(row_factory=class_row(CallbackPlan)) as cursor:
        return cursor.execute(queries["due"], {"now": now}).fetchall()


def missed(connection: psycopg.Connection, now: datetime) -> list[CallbackPlan]:
    """Return plans whose hours are over, at most 200, held until the end of the transaction."""
    with connection.cursor(row_factory=class_row(CallbackPlan)) as cursor:
        return cursor.execute(queries["missed"], {"now": now}).fetchall()


def mark(connection: psycopg.Connection, plans: Sequence[tuple[CallbackPlan, CallbackPlan]], now: datetime) -> None:
    """Save what became of plans without an event, each as it was and as it is; one that changed meanwhile stays."""
    rows = [
        asdict(after) | {"now": now, "was_due_at": before.due_at, "had_attempts": before.attempts}
        for before, after in sorted(plans, key=lambda each: (each[0].ticket_id, each[0].run))
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(queries["mark"], rows)


def calls(connection: psycopg.Connection, now: datetime) -> Mapping[tuple[Team, datetime], int]:
    """Return how many calls each team has in each full hour (UTC); those that are overdue count for this one."""
    rows = connection.execute(queries["calls"], {"now": now}).fetchall()
    return {((policy, centre), hour): count for policy, centre, hour, count in rows}
