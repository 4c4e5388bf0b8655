"""Plans of callbacks in PostgreSQL."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg

from schemas.event import TicketEvent
from services.shared.postgres import Queries

queries = Queries.beside(__file__)


@dataclass(frozen=True, slots=True)
class Due:
    """A customer who is to be asked now, or given up on.

    Attributes:
        ticket_id: the ticket.
        run: of the ticket; a reopening begins a new one.
        attempts: made so far.
        means: by which the customer is asked.
        policy: name of the pack.

    """

    ticket_id: UUID
    run: int
    attempts: int
    means: str
    policy: str


def plan(
    connection: psycopg.Connection, event: TicketEvent, *, due_at: datetime, means: str, reason: str, now: datetime
) -> None:
    """Plan a callback, once for each run of a ticket."""
    connection.execute(
        queries["plan"],
        {
            "ticket_id": event.ticket_id,
            "run": event.ticket.run,
            "version": event.version,
            "reason": reason,
            "means": means,
            "due_at": due_at,
            "policy": event.ticket.policy.pack,
            "now": now,
        },
    )


def settle(connection: psycopg.Connection, event: TicketEvent, *, state: str, reason: str, now: datetime) -> None:
    """End the plans of a ticket up to its run."""
    connection.execute(
        queries["settle"],
        {
            "ticket_id": event.ticket_id,
            "run": event.ticket.run,
            "version": event.version,
            "state": state,
            "reason": reason,
            "now": now,
        },
    )


def due(connection: psycopg.Connection, now: datetime) -> list[Due]:
    """Return who is to be asked now, at most 200."""
    return [Due(*row) for row in connection.execute(queries["due"], {"now": now}).fetchall()]


def asked(connection: psycopg.Connection, each: Due, *, next_at: datetime, now: datetime) -> None:
    """Count an attempt."""
    connection.execute(
        queries["asked"],
        {"ticket_id": each.ticket_id, "run": each.run, "attempts": each.attempts, "due_at": next_at, "now": now},
    )


def given_up(connection: psycopg.Connection, each: Due, *, now: datetime) -> None:
    """End a plan whose attempts are used up."""
    connection.execute(
        queries["given_up"], {"ticket_id": each.ticket_id, "run": each.run, "attempts": each.attempts, "now": now}
    )


def calls(connection: psycopg.Connection, since: datetime) -> dict[datetime, int]:
    """Return how many calls are planned in each full hour (UTC) from an instant on."""
    return dict(connection.execute(queries["calls"], {"since": since}).fetchall())


def called(
    connection: psycopg.Connection, event: TicketEvent, *, attempts: int, due_at: datetime, now: datetime
) -> None:
    """Plan the next call after one that reached nobody."""
    connection.execute(queries["called"], _of(event) | {"attempts": attempts, "due_at": due_at, "now": now})


def ask_in_writing(
    connection: psycopg.Connection, event: TicketEvent, *, means: str, last: int, due_at: datetime, now: datetime
) -> None:
    """Ask once more, in writing, as the last attempt."""
    values = {"means": means, "last": last, "due_at": due_at, "now": now}
    connection.execute(queries["ask_in_writing"], _of(event) | values)


def move(connection: psycopg.Connection, event: TicketEvent, *, due_at: datetime, now: datetime) -> None:
    """Call when the customer wants to be called."""
    connection.execute(queries["move"], _of(event) | {"due_at": due_at, "now": now})


def _of(event: TicketEvent) -> dict[str, object]:
    return {"ticket_id": event.ticket_id, "run": event.ticket.run, "version": event.version}
