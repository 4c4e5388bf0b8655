"""What became of contacts and commands: read from the tables of router and ledger."""

from datetime import datetime
from typing import Any
from uuid import UUID

from schemas.command import Command
from services.domain.ids import command_digest
from services.domain.policy.outcome import CALL_LEASE
from services.intake.senders import queries
from services.shared.postgres.database import Database


def contact_outcome(database: Database, id_: UUID) -> tuple[str, dict[str, Any]] | None:
    """Return sender and outcome of a contact; None if nothing is known of it (yet).

    Raises:
        Retryable: the database is away.

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
    """Return what the ledger decided of a command; None if it has not (yet).

    Raises:
        Retryable: the database is away.

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
    """Return the id of a ticket.

    Raises:
        Retryable: the database is away.

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


def due_calls(
    database: Database, now: datetime, limit: int, *, pack: str | None = None, centre: str | None = None
) -> list[dict[str, Any]]:
    """Return calls to customers that are due, the most urgent first: of every pack and centre, or of one.

    Raises:
        Retryable: the database is away.

    """
    told = {"now": now, "taken_before": now - CALL_LEASE, "limit": limit, "pack": pack, "centre": centre}
    with database.transaction() as connection:
        rows = connection.execute(queries["due_calls"], told).fetchall()
    found = [dict(zip(CALL_COLUMNS, row, strict=True)) for row in rows]
    return [
        each | {"ticket_id": str(each["ticket_id"])} | {name: each[name].isoformat() for name in ("due_at", "until_at")}
        for each in found
    ]


def survey_ticket(database: Database, id_: UUID) -> dict[str, Any] | None:
    """Return what the survey page needs of a ticket; answered: no answer is waited for (any more).

    Raises:
        Retryable: the database is away.

    """
    with database.transaction() as connection:
        row = connection.execute(queries["ticket_of_survey"], {"id": id_}).fetchone()
    return dict(zip(("number", "run", "answered", "language"), row, strict=True)) if row is not None else None


def tickets(database: Database, *, number: str | None, phone: str | None) -> list[dict[str, Any]]:
    """Return tickets by number or phone, latest first, at most 50.

    Raises:
        Retryable: the database is away.

    """
    with database.transaction() as connection:
        rows = connection.execute(queries["tickets"], {"number": number, "phone": phone}).fetchall()
    return [body for (body,) in rows]


def has_ticket(found: tuple[str, dict[str, Any]]) -> bool:
    """Whether a contact's outcome is a ticket that can be named."""
    return found[1]["ticket"] is not None


def conflicts(database: Database, command: Command) -> bool:
    """Whether another command was decided under this one's id.

    Raises:
        Retryable: the database is away.

    """
    with database.transaction() as connection:
        row = connection.execute(queries["command_digest"], {"id": command.id}).fetchone()
    return row is not None and bytes(row[0]) != command_digest(command)
