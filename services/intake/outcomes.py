"""Queries for the outcomes of contacts and commands, and for tickets and due calls, in the tables of other services."""

from datetime import datetime
from typing import Any
from uuid import UUID

from schemas.command import Command
from services.domain.ids import command_digest
from services.domain.policy.outcome import CALL_LEASE
from services.domain.whole_ticket import whole_lists
from services.intake.senders import queries
from services.shared.postgres.database import Database


def contact_outcome(database: Database, id_: UUID) -> tuple[str, dict[str, Any]] | None:
    """Return sender and outcome of a contact, None when it has not been routed yet or does not exist.

    Raises:
        Retryable: the database is unavailable.

    """
    with database.transaction() as connection:
        row = connection.execute(queries["contact"], {"id": id_}).fetchone()
    if row is None:
        return None
    reference, sender, ticket_id, disposition, reason, number, status, promised_at, version = row
    outcome = {
        "reference": str(reference),
        "state": "ticket" if number is not None else "routed",
        "disposition": disposition,
        "reason": reason,
        "ticket": {
            "id": str(ticket_id),
            "number": number,
            "status": status,
            "version": version,
            "promised_at": promised_at,
        }
        if number is not None
        else None,
    }
    return sender, outcome


def command_outcome(database: Database, id_: UUID) -> dict[str, Any] | None:
    """Return the ledger's decision on a command, None when it has not been decided yet or does not exist.

    Raises:
        Retryable: the database is unavailable.

    """
    with database.transaction() as connection:
        row = connection.execute(queries["command"], {"id": id_}).fetchone()
    if row is None:
        return None
    command, ticket_id, type_, outcome, refusal, version, number, status = row
    return {
        "command": str(command),
        "action": type_,
        "outcome": outcome,
        "refusal": refusal,
        "ticket": {"id": str(ticket_id), "number": number, "status": status, "version": version},
    }


def ticket_by_number(database: Database, number: str) -> UUID | None:
    """Return the id of the ticket with this number, None when there is none.

    Raises:
        Retryable: the database is unavailable.

    """
    with database.transaction() as connection:
        row = connection.execute(queries["ticket_by_number"], {"number": number}).fetchone()
    return row[0] if row is not None else None


CALL_COLUMNS = (
    "ticket_id",
    "version",
    "number",
    "due_at",
    "until_at",
    "attempts",
    "name",
    "phone",
    "subject",
    "result",
    "explanation",
    "priority",
    "vip",
    "script",
    "pack",
    "centre",
)
"""Columns of the query `due_calls`, in order."""


def due_calls(
    database: Database, now: datetime, limit: int, *, pack: str | None = None, centre: str | None = None
) -> list[dict[str, Any]]:
    """Return the calls to customers that are due, the most urgent first, optionally of one policy pack or centre.

    Raises:
        Retryable: the database is unavailable.

    """
    parameters = {"now": now, "taken_before": now - CALL_LEASE, "limit": limit, "pack": pack, "centre": centre}
    with database.transaction() as connection:
        rows = connection.execute(queries["due_calls"], parameters).fetchall()
    calls = [dict(zip(CALL_COLUMNS, row, strict=True)) for row in rows]
    return [
        call | {"ticket_id": str(call["ticket_id"])} | {name: call[name].isoformat() for name in ("due_at", "until_at")}
        for call in calls
    ]


def survey_ticket(database: Database, id_: UUID) -> dict[str, Any] | None:
    """Return what the survey page needs of a ticket, None when there is none; answered: no answer is expected any more.

    Raises:
        Retryable: the database is unavailable.

    """
    with database.transaction() as connection:
        row = connection.execute(queries["ticket_of_survey"], {"id": id_}).fetchone()
    return dict(zip(("number", "run", "answered", "language"), row, strict=True)) if row is not None else None


def tickets(database: Database, *, number: str | None, phone: str | None) -> list[dict[str, Any]]:
    """Return the tickets with a number or a phone number, the latest first, at most 50.

    Raises:
        Retryable: the database is unavailable.

    """
    with database.transaction() as connection:
        rows = connection.execute(queries["tickets"], {"number": number, "phone": phone}).fetchall()
    return [body for (body,) in rows]


def whole_ticket(database: Database, number: str) -> dict[str, Any] | None:
    """Return a ticket with its lists in full, which the ticket itself holds only in part; None if there is none.

    Raises:
        Retryable: the database is unavailable.

    """
    with database.transaction() as connection:
        row = connection.execute(queries["whole_ticket"], {"number": number}).fetchone()
    if row is None:
        return None
    body, events = row
    return {**body, **whole_lists(events)}


def has_ticket(outcome: tuple[str, dict[str, Any]]) -> bool:
    """Whether a contact, as `contact_outcome` returns it, has a ticket with a number."""
    return outcome[1]["ticket"] is not None


def conflicts(database: Database, command: Command) -> bool:
    """Whether a different command was decided under the id of this one.

    Raises:
        Retryable: the database is unavailable.

    """
    with database.transaction() as connection:
        row = connection.execute(queries["command_digest"], {"id": command.id}).fetchone()
    return row is not None and bytes(row[0]) != command_digest(command)
