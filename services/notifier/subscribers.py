"""Subscribers of webhooks, and what each of them still has to get, in PostgreSQL."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from schemas.event import TicketEvent
from services.notifier.domain import webhook
from services.shared.postgres.database import Queries

queries = Queries.of_package(__package__)


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Somebody who gets events by webhook.

    Attributes:
        events: types that are wanted; none: all.
        secrets: valid now, the newest first.
        disabled: why nothing is sent; None: it is.
        private: whether its address may be one within our walls.

    """

    id: UUID
    name: str
    url: str
    events: tuple[str, ...]
    secrets: tuple[str, ...]
    disabled: str | None
    private: bool


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """One message to one subscriber."""

    event_id: UUID
    ticket_id: UUID
    version: int
    body: bytes
    attempts: int


def add(
    connection: psycopg.Connection, name: str, url: str, events: Sequence[str], secret: str, *, private: bool = False
) -> bool:
    """Add a subscriber; False when the name is taken."""
    webhook.key(secret)
    told = {"id": uuid4(), "name": name, "url": url, "events": list(events), "private": private}
    values = told | {"secrets": Jsonb([{"secret": secret}])}
    return connection.execute(queries["add_subscriber"], values).rowcount == 1


def all_(connection: psycopg.Connection) -> list[Subscriber]:
    """Return every subscriber, by name."""
    return [_subscriber(row) for row in connection.execute(queries["subscribers"]).fetchall()]


def _subscriber(row: tuple[Any, ...]) -> Subscriber:
    id_, name, url, events, secrets, disabled, private = row
    return Subscriber(id_, name, url, tuple(events), tuple(secrets), disabled, private)


def rotate(connection: psycopg.Connection, name: str, secret: str, *, overlap: timedelta) -> bool:
    """Give a subscriber a new secret; the one before stays valid for a while. False: there is no such subscriber."""
    webhook.key(secret)
    return connection.execute(queries["rotate"], {"name": name, "secret": secret, "overlap": overlap}).rowcount == 1


def disable(connection: psycopg.Connection, name: str, reason: str | None) -> bool:
    """Send no more, or with no reason send again; what has queued up waits. False: there is no such subscriber."""
    return connection.execute(queries["disable"], {"name": name, "reason": reason}).rowcount == 1


def remove(connection: psycopg.Connection, name: str) -> bool:
    """Forget a subscriber with all its messages. False: there is no such subscriber."""
    connection.execute(queries["hold_subscriber"], {"name": name})
    connection.execute(queries["remove_hooks"], {"name": name})
    return connection.execute(queries["remove_subscriber"], {"name": name}).rowcount == 1


def queue(connection: psycopg.Connection, events: Iterable[TicketEvent]) -> None:
    """Queue events for everybody who wants them, also those who are disabled; what is queued already stays."""
    subscribers = all_(connection)
    if not subscribers:
        return
    rows = []
    for event in events:
        wanting = [each for each in subscribers if webhook.wanted(event.type, each.events)]
        body = webhook.payload(event) if wanting else b""
        told = {"event_id": event.id, "ticket_id": event.ticket_id, "version": event.version, "type": event.type}
        rows += [told | {"subscriber_id": each.id, "body": body} for each in wanting]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(queries["queue_hook"], rows)


def take(connection: psycopg.Connection, subscriber: UUID, *, lease: float, most: int) -> list[WebhookDelivery]:
    """Take messages that are due, at most one of each ticket, the oldest; for as long as the lease (real seconds)."""
    values = {"subscriber_id": subscriber, "lease": lease, "most": most}
    rows = connection.execute(queries["take_hooks"], values).fetchall()
    return [
        WebhookDelivery(event_id, ticket_id, version, bytes(body), attempts)
        for event_id, ticket_id, version, body, attempts in rows
    ]


def delivered(connection: psycopg.Connection, subscriber: UUID, event: UUID, status: int) -> None:
    """Keep that a message was taken."""
    connection.execute(
        queries["settle_hook"],
        {"subscriber_id": subscriber, "event_id": event, "state": "delivered", "status": status, "error": None},
    )


def failed(connection: psycopg.Connection, subscriber: UUID, event: UUID, status: int | None, error: str) -> None:
    """Give a message up; `redeliver` sends it again."""
    connection.execute(
        queries["settle_hook"],
        {"subscriber_id": subscriber, "event_id": event, "state": "failed", "status": status, "error": error},
    )


def again(
    connection: psycopg.Connection, subscriber: UUID, event: UUID, status: int | None, error: str, *, seconds: float
) -> None:
    """Try a message again later."""
    connection.execute(
        queries["retry_hook"],
        {"subscriber_id": subscriber, "event_id": event, "status": status, "error": error, "seconds": seconds},
    )


def redeliver(connection: psycopg.Connection, name: str, *, since: datetime, everything: bool) -> int:
    """Send again what was given up since an instant of real time, or everything; returns how many messages."""
    return connection.execute(queries["redeliver"], {"name": name, "since": since, "everything": everything}).rowcount


def counts(connection: psycopg.Connection) -> dict[UUID, dict[str, int]]:
    """Return how many messages of each subscriber are in which state."""
    found: dict[UUID, dict[str, int]] = {}
    for subscriber, state, count in connection.execute(queries["hook_counts"]).fetchall():
        found.setdefault(subscriber, {})[state] = count
    return found


def forget(connection: psycopg.Connection, before: datetime) -> int:
    """Let go of messages that were queued before an instant of real time, some thousands of them; returns how many."""
    return connection.execute(queries["forget_hooks"], {"before": before}).rowcount
