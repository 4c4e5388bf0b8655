"""Stores callback plans in PostgreSQL."""

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


def latest_plans(connection: psycopg.Connection, tickets: Iterable[UUID]) -> dict[UUID, CallbackPlan]:
    """Return the plan of each ticket's latest run that has one, locked until the end of the transaction."""
    with connection.cursor(row_factory=class_row(CallbackPlan)) as cursor:
        plans = cursor.execute(queries["load_plans"], {"tickets": list(tickets)}).fetchall()
    # In the order of the runs, so that the last one of a ticket stays.
    return {plan.ticket_id: plan for plan in plans}


def save_plans(connection: psycopg.Connection, plans: Iterable[CallbackPlan], now: datetime) -> None:
    """Save plans after events; a stored plan that was changed by a later event stays as it is."""
    rows = [asdict(plan) | {"now": now} for plan in plans]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(queries["save_plan"], rows)


def due_plans(connection: psycopg.Connection, now: datetime) -> list[CallbackPlan]:
    """Return plans whose customers have to be asked in writing now, at most 200."""
    with connection.cursor(row_factory=class_row(CallbackPlan)) as cursor:
        return cursor.execute(queries["due_plans"], {"now": now}).fetchall()


def missed_plans(connection: psycopg.Connection, now: datetime) -> list[CallbackPlan]:
    """Return plans whose calling hours are over, at most 200, locked until the end of the transaction."""
    with connection.cursor(row_factory=class_row(CallbackPlan)) as cursor:
        return cursor.execute(queries["missed_plans"], {"now": now}).fetchall()


def reschedule_plans(
    connection: psycopg.Connection, changes: Sequence[tuple[CallbackPlan, CallbackPlan]], now: datetime
) -> None:
    """Save plans that changed without an event, given as (before, after); one that has changed meanwhile stays."""
    rows = [
        asdict(after) | {"now": now, "was_due_at": before.due_at, "had_attempts": before.attempts}
        for before, after in sorted(changes, key=lambda change: (change[0].ticket_id, change[0].run))
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(queries["reschedule_plan"], rows)


def count_calls(connection: psycopg.Connection, now: datetime) -> Mapping[tuple[Team, datetime], int]:
    """Return the calls of each team in each full hour (UTC); overdue calls count for the present hour."""
    rows = connection.execute(queries["count_calls"], {"now": now}).fetchall()
    return {((policy, centre), hour): count for policy, centre, hour, count in rows}
