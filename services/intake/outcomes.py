"""Queries for the outcomes of contacts and commands, and for tickets and due calls, in the tables of other services."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from schemas.ticket import Ticket
from services.domain.policy.outcome import CALL_LEASE
from services.domain.whole_ticket import whole_lists
from services.intake.queries import queries
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
    found = decided_command(database, id_)
    return found.outcome if found is not None else None


@dataclass(frozen=True, slots=True)
class DecidedCommand:
    """A command that the ledger has decided.

    Attributes:
        outcome: the decision, for the caller.
        sender: name of the key by which the command came; None if one of our own services sent it.
        pack: pack of its ticket; None if there is no such ticket.

    """

    outcome: dict[str, Any]
    sender: str | None
    pack: str | None


def decided_command(database: Database, id_: UUID) -> DecidedCommand | None:
    """Return the ledger's decision on a command with whose it is; None as for `command_outcome`.

    Raises:
        Retryable: the database is unavailable.

    """
    with database.transaction() as connection:
        row = connection.execute(queries["command"], {"id": id_}).fetchone()
    if row is None:
        return None
    command, ticket_id, type_, outcome, refusal, version, number, status, sender, pack = row
    decision = {
        "command": str(command),
        "action": type_,
        "outcome": outcome,
        "refusal": refusal,
        "ticket": {"id": str(ticket_id), "number": number, "status": status, "version": version},
    }
    return DecidedCommand(decision, sender, pack)


@dataclass(frozen=True, slots=True)
class StoredTicket:
    """A ticket as the doors read it.

    Attributes:
        ticket: None if this version of Duban cannot read it.

    """

    id: UUID
    pack: str
    ticket: Ticket | None


def ticket_by_number(database: Database, number: str) -> StoredTicket | None:
    """Return the ticket with this number, None when there is none.

    Raises:
        Retryable: the database is unavailable.

    """
    return _stored(database, "ticket_by_number", {"number": number})


def ticket_by_id(database: Database, id_: UUID) -> StoredTicket | None:
    """Return a ticket, None when there is none.

    Raises:
        Retryable: the database is unavailable.

    """
    return _stored(database, "ticket_by_id", {"id": id_})


def _stored(database: Database, query: str, parameters: dict[str, object]) -> StoredTicket | None:
    with database.transaction() as connection:
        row = connection.execute(queries[query], parameters, binary=True).fetchone()
    if row is None:
        return None
    id_, pack, body = row
    try:
        return StoredTicket(id_, pack, Ticket.from_record(body))
    except msgspec.ValidationError:
        return StoredTicket(id_, pack, None)


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
    database: Database, now: datetime, limit: int, *, packs: Sequence[str] | None, centres: Sequence[str] | None
) -> list[dict[str, Any]]:
    """Return the calls to customers that are due, the most urgent first.

    Args:
        database: with the plans.
        now: business time.
        limit: the largest number of calls.
        packs: only calls of these policy packs; None: of all.
        centres: only calls of these complaint centres; None: of all.

    Raises:
        Retryable: the database is unavailable.

    """
    parameters = {"now": now, "taken_before": now - CALL_LEASE, "limit": limit}
    parameters |= {
        name: None if each is None else list(each) for name, each in (("packs", packs), ("centres", centres))
    }
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


def tickets(
    database: Database,
    *,
    number: str | None,
    phone: str | None,
    identity: str | None,
    packs: Sequence[str] | None,
    most: int,
) -> list[dict[str, Any]]:
    """Return the tickets with a number, a phone number and an identity as far as they are given, the latest first.

    Args:
        database: of the ledger and the router.
        number: here, or in the system before.
        phone: E.164.
        identity: a channel's id of a person.
        packs: whose tickets count; None: all.
        most: at most so many, of an identity of its latest contacts.

    Raises:
        Retryable: the database is unavailable.

    """
    query = "tickets" if identity is None else "tickets_of_identity"
    parameters = {"number": number, "phone": phone, "identity": identity, "packs": packs, "most": most}
    with database.transaction() as connection:
        rows = connection.execute(queries[query], parameters).fetchall()
    return [body for (body,) in rows]


HISTORY_FIELDS = ("version", "type", "at", "actor", "acts_for")
"""What the history of a ticket tells of each event."""


def whole_ticket(database: Database, number: str) -> dict[str, Any] | None:
    """Return a ticket with its lists in full, which it holds only in part, and who did what; None if there is none.

    Raises:
        Retryable: the database is unavailable.

    """
    with database.transaction() as connection:
        row = connection.execute(queries["whole_ticket"], {"number": number}).fetchone()
    if row is None:
        return None
    body, events = row
    history = [{name: event[name] for name in HISTORY_FIELDS if event[name] is not None} for event in events]
    return {**body, **whole_lists(events), "history": history}


def has_ticket(outcome: tuple[str, dict[str, Any]]) -> bool:
    """Whether a contact, as `contact_outcome` returns it, has a ticket with a number."""
    return outcome[1]["ticket"] is not None


def decided_digest(database: Database, id_: UUID) -> bytes | None:
    """Return the digest of the command that was decided under an id; None if none was.

    Raises:
        Retryable: the database is unavailable.

    """
    with database.transaction() as connection:
        row = connection.execute(queries["command_digest"], {"id": id_}).fetchone()
    return bytes(row[0]) if row is not None else None
