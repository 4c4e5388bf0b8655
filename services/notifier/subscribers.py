"""Subscribers of webhooks and their queued messages in PostgreSQL."""

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
    """A system that gets ticket events by webhook.

    Attributes:
        events: types that it subscribed to; none: all.
        secrets: valid now, the newest first.
        disabled: why nothing is sent to it; None: it is enabled.
        private: whether its address may be one of a private network.

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
    """A leased message about one event to one subscriber."""

    event_id: UUID
    ticket_id: UUID
    version: int
    body: bytes
    attempts: int


def add(
    connection: psycopg.Connection, name: str, url: str, events: Sequence[str], secret: str, *, private: bool = False
) -> bool:
    """Add a subscriber; False when the name is taken.

    Raises:
        ValueError: the secret is not in the form of the standard.

    """
    webhook.decode_secret(secret)
    parameters = {
        "id": uuid4(),
        "name": name,
        "url": url,
        "events": list(events),
        "private": private,
        "secrets": Jsonb([{"secret": secret}]),
    }
    return connection.execute(queries["add_subscriber"], parameters).rowcount == 1


def load_all(connection: psycopg.Connection) -> list[Subscriber]:
    """Return every subscriber, by name."""
    return [_subscriber(row) for row in connection.execute(queries["subscribers"]).fetchall()]


def _subscriber(row: tuple[Any, ...]) -> Subscriber:
    id_, name, url, events, secrets, disabled, private = row
    return Subscriber(id_, name, url, tuple(events), tuple(secrets), disabled, private)


def rotate(connection: psycopg.Connection, name: str, secret: str, *, overlap: timedelta) -> bool:
    """Give a subscriber a new secret; the previous one stays valid for `overlap`. False: there is no such subscriber.

    Raises:
        ValueError: the secret is not in the form of the standard.

    """
    webhook.decode_secret(secret)
    parameters = {"name": name, "secret": secret, "overlap": overlap}
    return connection.execute(queries["rotate_secret"], parameters).rowcount == 1


def disable(connection: psycopg.Connection, name: str, reason: str | None) -> bool:
    """Disable a subscriber, or enable it when the reason is None. False: there is no such subscriber.

    Messages go on being queued while it is disabled, and are sent once it is enabled.
    """
    return connection.execute(queries["disable"], {"name": name, "reason": reason}).rowcount == 1


def remove(connection: psycopg.Connection, name: str) -> bool:
    """Delete a subscriber with all its messages. False: there is no such subscriber."""
    connection.execute(queries["lock_subscriber"], {"name": name})
    connection.execute(queries["delete_deliveries"], {"name": name})
    return connection.execute(queries["delete_subscriber"], {"name": name}).rowcount == 1


def queue(connection: psycopg.Connection, events: Iterable[TicketEvent]) -> None:
    """Queue events for their subscribers, disabled ones too; a message that is already queued is left as it is."""
    subscribers = load_all(connection)
    if not subscribers:
        return
    rows = []
    for event in events:
        subscribed = [each for each in subscribers if webhook.is_subscribed(event.type, each.events)]
        body = webhook.payload(event) if subscribed else b""
        message = {"event_id": event.id, "ticket_id": event.ticket_id, "version": event.version, "type": event.type}
        rows += [message | {"subscriber_id": subscriber.id, "body": body} for subscriber in subscribed]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(queries["queue_delivery"], rows)


def lease_due(connection: psycopg.Connection, subscriber: UUID, *, lease: float, limit: int) -> list[WebhookDelivery]:
    """Lease due messages for `lease` real seconds: of each ticket only the oldest, so that its order is kept."""
    parameters = {"subscriber_id": subscriber, "lease": lease, "limit": limit}
    rows = connection.execute(queries["lease_deliveries"], parameters).fetchall()
    return [
        WebhookDelivery(event_id, ticket_id, version, bytes(body), attempts)
        for event_id, ticket_id, version, body, attempts in rows
    ]


def mark_delivered(connection: psycopg.Connection, subscriber: UUID, event: UUID, status: int) -> None:
    """Settle a message that its receiver has accepted with an HTTP status."""
    connection.execute(
        queries["settle_delivery"],
        {"subscriber_id": subscriber, "event_id": event, "state": "delivered", "status": status, "error": None},
    )


def mark_failed(connection: psycopg.Connection, subscriber: UUID, event: UUID, status: int | None, error: str) -> None:
    """Give up a message; `redeliver` queues it again."""
    connection.execute(
        queries["settle_delivery"],
        {"subscriber_id": subscriber, "event_id": event, "state": "failed", "status": status, "error": error},
    )


def schedule_retry(
    connection: psycopg.Connection, subscriber: UUID, event: UUID, status: int | None, error: str, *, seconds: float
) -> None:
    """Make a message due again after so many real seconds."""
    connection.execute(
        queries["retry_delivery"],
        {"subscriber_id": subscriber, "event_id": event, "status": status, "error": error, "seconds": seconds},
    )


def redeliver(connection: psycopg.Connection, name: str, *, since: datetime, everything: bool) -> int:
    """Queue messages again that were queued since an instant of real time; returns how many.

    Args:
        connection: in a transaction.
        name: of the subscriber.
        since: earliest time of queueing, real time.
        everything: also those that were delivered, not only those that failed or wait for a retry.

    """
    return connection.execute(queries["redeliver"], {"name": name, "since": since, "everything": everything}).rowcount


def counts(connection: psycopg.Connection) -> dict[UUID, dict[str, int]]:
    """Return the number of messages in each state, by subscriber."""
    found: dict[UUID, dict[str, int]] = {}
    for subscriber, state, count in connection.execute(queries["delivery_counts"]).fetchall():
        found.setdefault(subscriber, {})[state] = count
    return found


def delete_expired(connection: psycopg.Connection, before: datetime) -> int:
    """Delete messages that were queued before an instant of real time, at most 5000; returns how many."""
    return connection.execute(queries["delete_expired_deliveries"], {"before": before}).rowcount
