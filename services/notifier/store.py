"""Notices in PostgreSQL: one row of proof for each."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from services.notifier.domain.notices import Notice
from services.shared.postgres import Queries

queries = Queries.beside(__file__)


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
    means: str
    address: str | None
    context: dict[str, Any]
    state: str
    attempts: int
    settled_at: datetime | None
    provider_id: str | None
    error: str | None

    def settled(self, state: str, at: datetime, *, provider_id: str | None = None, error: str | None = None) -> "Taken":
        """Return it as it stands after the last attempt."""
        return replace(self, state=state, settled_at=at, provider_id=provider_id, error=error)


def queue(connection: psycopg.Connection, notices: Iterable[Notice], now: datetime) -> None:
    """Queue notices; one that is there already stays as it is."""
    rows = [
        {
            "id": each.id,
            "event_id": each.event_id,
            "ticket_id": each.ticket_id,
            "ticket_number": each.ticket_number,
            "audience": each.audience,
            "template": each.template,
            "language": each.language,
            "means": each.means,
            "address": each.address,
            "context": Jsonb(each.context),
            "queued_at": now,
        }
        for each in notices
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(queries["queue"], rows)


def take(connection: psycopg.Connection, means: str, *, lease: float, most: int) -> list[Taken]:
    """Take notices of a means that are due, for as long as the lease (real seconds)."""
    told = {"means": means, "lease": lease, "most": most}
    return [Taken(*row) for row in connection.execute(queries["take"], told).fetchall()]


def give_back(connection: psycopg.Connection, ids: list[UUID]) -> None:
    """Let notices that were taken and not tried be taken again."""
    connection.execute(queries["give_back"], {"ids": ids})


def settle(connection: psycopg.Connection, notices: Iterable[Taken]) -> None:
    """Keep what became of notices."""
    for each in notices:
        connection.execute(
            queries["settle"],
            {
                "id": each.id,
                "state": each.state,
                "settled_at": each.settled_at,
                "provider_id": each.provider_id,
                "error": each.error,
            },
        )


def retry(connection: psycopg.Connection, id_: UUID, *, seconds: float, error: str) -> None:
    """Try a notice again later."""
    connection.execute(queries["retry"], {"id": id_, "seconds": seconds, "error": error})


def published(connection: psycopg.Connection, ids: list[UUID]) -> None:
    """Mark notices whose delivery was published: nothing more is to be done."""
    connection.execute(queries["published"], {"ids": ids})
