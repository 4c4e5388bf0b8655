"""Notices in PostgreSQL: one row of proof for each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from services.notifier.domain.notices import Notice
from services.shared.clock import Clock
from services.shared.postgres import Queries

queries = Queries.beside(__file__)

NOWHERE = "sms"
"""The desk that settles notices without an address."""
_ENDED = frozenset({"closed", "withdrawn", "archived"})
OVER = {"always": frozenset[str](), "closed": _ENDED, "answered": _ENDED | {"answered"}}
"""Statuses of a ticket in which a notice is no longer true."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A notice that this worker has to bring to its end."""

    id: UUID
    event_id: UUID
    ticket_id: UUID
    ticket_number: str
    audience: str
    template: str
    language: str
    ways: list[list[str]]
    way: int
    means: str
    address: str | None
    urgency: int
    until: str
    paper: bool
    digest_over: int
    held: bool
    context: dict[str, Any]
    state: str
    attempts: int
    settled_at: datetime | None
    provider_id: str | None
    error: str | None
    ticket_status: str | None

    def settled(self, state: str, at: datetime, *, provider_id: str | None = None, error: str | None = None) -> "Taken":
        """Return it as it stands after the last attempt."""
        return replace(self, state=state, settled_at=at, provider_id=provider_id, error=error)

    @property
    def obsolete(self) -> bool:
        """Whether its ticket has gone on so far that it is no longer true."""
        return self.ticket_status in OVER[self.until]

    @property
    def last_way(self) -> bool:
        """Whether there is no other way to reach its reader."""
        return self.way + 1 >= len(self.ways)


def queue(connection: psycopg.Connection, notices: Iterable[tuple[Notice, int]], clock: Clock) -> None:
    """Queue notices, each with the size of its reader's digest; one that is there already stays as it is."""
    now = clock.now()
    rows = [
        {
            "id": each.id,
            "event_id": each.event_id,
            "ticket_id": each.ticket_id,
            "ticket_number": each.ticket_number,
            "audience": each.audience,
            "template": each.template,
            "language": each.language,
            "ways": Jsonb(each.ways),
            "means": each.ways[0][0] if each.ways else NOWHERE,
            "address": each.ways[0][1] if each.ways else None,
            "urgency": each.urgency,
            "until": each.until,
            "paper": each.paper,
            "digest_over": over,
            "context": Jsonb(each.context),
            "queued_at": now,
            "wait": clock.real_seconds(max(each.not_before - now, timedelta(0))) if each.not_before else 0.0,
        }
        for each, over in notices
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(queries["queue"], rows)


def take(connection: psycopg.Connection, means: str, *, lease: float, most: int) -> list[Taken]:
    """Take notices of a means that are due, the most urgent first, for as long as the lease (real seconds)."""
    told = {"means": means, "lease": lease, "most": most}
    taken = [Taken(*row) for row in connection.execute(queries["take"], told).fetchall()]
    return sorted(taken, key=lambda each: each.urgency)


def give_back(connection: psycopg.Connection, ids: list[UUID]) -> None:
    """Let notices that were taken and not tried be taken again."""
    connection.execute(queries["give_back"], {"ids": ids})


def hold(connection: psycopg.Connection, ids: list[UUID], *, minute: float) -> None:
    """Let notices wait for a minute of policy time, told in real seconds, to go together."""
    connection.execute(queries["hold"], {"ids": ids, "minute": minute})


def sent_lately(connection: psycopg.Connection, addresses: Iterable[str], *, minute: float) -> dict[str, int]:
    """Return how many notices went to each address within the last minute of policy time, told in real seconds."""
    values = {"addresses": list(addresses), "minute": minute}
    return dict(connection.execute(queries["sent_lately"], values).fetchall())


def settle(connection: psycopg.Connection, notices: Iterable[Taken]) -> None:
    """Keep what became of notices."""
    rows = [
        {
            "id": each.id,
            "state": each.state,
            "settled_at": each.settled_at,
            "provider_id": each.provider_id,
            "error": each.error,
        }
        for each in notices
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(queries["settle"], rows)


def attempted(connection: psycopg.Connection, tries: Iterable[tuple[Taken, str, str | None, str | None]]) -> None:
    """Keep tries: the notice as it was, the outcome, the provider's id and the error."""
    rows = [
        {"id": each.id, "means": each.means, "outcome": outcome, "provider_id": provider_id, "error": error}
        for each, outcome, provider_id, error in tries
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(queries["attempt"], rows)


def retry(connection: psycopg.Connection, id_: UUID, *, seconds: float, error: str) -> None:
    """Try a notice again later."""
    connection.execute(queries["retry"], {"id": id_, "seconds": seconds, "error": error})


def fall_back(connection: psycopg.Connection, id_: UUID, error: str) -> bool:
    """Try a notice by its next way; False when there is none."""
    return connection.execute(queries["fall_back"], {"id": id_, "error": error}).fetchone() is not None


def received(connection: psycopg.Connection, id_: UUID) -> bool:
    """Keep that a notice has reached its reader's device; False when it was not waited for."""
    return connection.execute(queries["received"], {"id": id_}).rowcount == 1


def returned(connection: psycopg.Connection, id_: UUID, error: str, now: datetime) -> tuple[UUID, str, str] | None:
    """Keep that what a provider took did not arrive, and try the next way.

    Returns:
        ticket, template and audience when there is no other way, so that a person has to see to it; else None.

    """
    row = connection.execute(queries["failed_notice"], {"id": id_}).fetchone()
    if row is None or row[-1] not in {"sent", "delivered"}:
        return None
    _, ticket_id, template, audience, means, _ = row
    values = {"id": id_, "means": means, "outcome": "returned", "provider_id": None, "error": error}
    connection.execute(queries["attempt"], values)
    if fall_back(connection, id_, error):
        return None
    connection.execute(queries["give_up"], {"id": id_, "error": error, "now": now})
    return ticket_id, template, audience


def undeliverable(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    """Return notices that reached nobody, newest first, at most 200."""
    return connection.execute(queries["undeliverable"]).fetchall()


def published(connection: psycopg.Connection, notices: Sequence[Taken]) -> None:
    """Mark notices whose delivery was published, as they were then: nothing more is to be done."""
    told = {"ids": [each.id for each in notices], "states": [each.state for each in notices]}
    connection.execute(queries["published"], told)
