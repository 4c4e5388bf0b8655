"""Notices and delivery attempts in PostgreSQL; one row per notice holds its state and its delivery record."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from services.notifier.domain.leased_notice import LeasedNotice
from services.notifier.domain.notices import Notice
from services.notifier.domain.obsolescence import TicketSnapshot
from services.shared.postgres.database import Queries
from services.shared.runtime.clock import Clock

queries = Queries.of_package(__package__)

UNADDRESSED = "sms"
"""Channel whose delivery worker settles notices without an address."""


def queue(connection: psycopg.Connection, notices: Iterable[tuple[Notice, int]], clock: Clock) -> None:
    """Queue notices, each with its recipient's digest size; a notice that is already stored is left as it is."""
    now = clock.now()
    rows = [
        {
            "id": notice.id,
            "event_id": notice.event_id,
            "ticket_id": notice.ticket_id,
            "ticket_number": notice.ticket_number,
            "audience": notice.audience,
            "template": notice.template,
            "language": notice.language,
            "ways": Jsonb(notice.ways),
            "means": notice.ways[0][0] if notice.ways else UNADDRESSED,
            "address": notice.ways[0][1] if notice.ways else None,
            "urgency": notice.urgency,
            "until": notice.until,
            "run": notice.run,
            "clock": notice.clock,
            "quiet_from": notice.quiet_hours.begin if notice.quiet_hours is not None else None,
            "quiet_until": notice.quiet_hours.end if notice.quiet_hours is not None else None,
            "zone": notice.quiet_hours.zone if notice.quiet_hours is not None else None,
            "attach_pdf": notice.attach_pdf,
            "digest_over": digest_over,
            "context": Jsonb(notice.context),
            "queued_at": now,
        }
        for notice, digest_over in notices
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(queries["queue"], rows)


def whole_details(connection: psycopg.Connection, events: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Return the details of events as the ledger has them, by the event's id."""
    if not events:
        return {}
    return dict(connection.execute(queries["whole_details"], {"ids": list(events)}).fetchall())


def lease_due(connection: psycopg.Connection, means: str, *, lease: float, limit: int) -> list[LeasedNotice]:
    """Lease due notices of a channel for `lease` real seconds, the most urgent first.

    Call it in a transaction, which locks the rows until they are leased. With a notice held for a digest all others
    held for its address are leased too, beyond the limit, so that they go in one letter.
    """
    leased = _lease(connection, "due", {"means": means, "limit": limit}, lease)
    addresses = [notice.address for notice in leased if notice.held_until is not None]
    if addresses:
        leased += _lease(connection, "due_held", {"means": means, "addresses": addresses}, lease)
    return sorted(leased, key=lambda notice: notice.urgency)


def lease_overdue(
    connection: psycopg.Connection,
    means: str,
    *,
    lease: float,
    limit: int,
    patience: Mapping[int, float],
    last_patience: float,
) -> list[LeasedNotice]:
    """Lease due notices that have waited for a channel for longer than they may.

    Args:
        connection: in a transaction.
        means: the channel.
        lease: real seconds for which they are leased.
        limit: notices to lease, at the most.
        patience: longest wait in real seconds, by urgency.
        last_patience: longest wait in real seconds for the last channel of a notice.

    """
    parameters = {"means": means, "limit": limit, "last_patience": last_patience}
    parameters |= {f"patience_{urgency}": seconds for urgency, seconds in patience.items()}
    return _lease(connection, "due_overdue", parameters, lease)


def _lease(
    connection: psycopg.Connection, query: str, parameters: Mapping[str, Any], lease: float
) -> list[LeasedNotice]:
    ids = [row[0] for row in connection.execute(queries[query], parameters).fetchall()]
    rows = connection.execute(queries["lease"], {"ids": ids, "lease": lease}).fetchall() if ids else []
    return [LeasedNotice(*(*row[:-1], _snapshot(row[-1]))) for row in rows]


def _snapshot(ticket: Mapping[str, Any] | None) -> TicketSnapshot | None:
    return TicketSnapshot(**{**ticket, "running": frozenset(ticket["running"])}) if ticket is not None else None


def release(connection: psycopg.Connection, notices: Iterable[LeasedNotice]) -> None:
    """Give up the lease of notices that were not tried, so that they are due at once."""
    connection.execute(queries["release"], _lease_parameters(notices))


def hold(connection: psycopg.Connection, notices: Iterable[LeasedNotice], *, minute: float) -> None:
    """Hold notices for a digest until this minute of policy time ends; `minute` is its length in real seconds."""
    connection.execute(queries["hold"], _lease_parameters(notices) | {"minute": minute})


def still_leased(connection: psycopg.Connection, notices: Iterable[LeasedNotice]) -> set[UUID]:
    """Return the notices that no other worker has leased since, and lock their rows until the transaction ends."""
    return {id_ for (id_,) in connection.execute(queries["still_leased"], _lease_parameters(notices)).fetchall()}


def _lease_parameters(notices: Iterable[LeasedNotice]) -> dict[str, Any]:
    notices = list(notices)
    return {"ids": [notice.id for notice in notices], "leases": [notice.leased_until for notice in notices]}


def recently_sent(connection: psycopg.Connection, addresses: Iterable[str], *, minute: float) -> dict[str, int]:
    """Return the number of notices sent to each address within the last minute of policy time, in real seconds."""
    parameters = {"addresses": list(addresses), "minute": minute}
    return dict(connection.execute(queries["recently_sent"], parameters).fetchall())


def settle(connection: psycopg.Connection, notices: Iterable[LeasedNotice]) -> None:
    """Save the outcome of notices."""
    rows = [
        {
            "id": notice.id,
            "state": notice.state,
            "settled_at": notice.settled_at,
            "provider_id": notice.provider_id,
            "error": notice.error,
        }
        for notice in notices
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(queries["settle"], rows)


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """An attempt to send a notice, or a provider's report about one.

    Attributes:
        generation: of the notice at that time.
        outcome: sent, obsolete, again or failed; delivered or returned for a report.
        send_id: the id given to the provider, when it accepted the letter.
        provider_id: the provider's own id.
        parts: how many messages an SMS was split into.

    """

    notice_id: UUID
    generation: int
    means: str
    outcome: str
    send_id: str | None = None
    provider_id: str | None = None
    error: str | None = None
    parts: int | None = None


def record_attempts(connection: psycopg.Connection, attempts: Iterable[AttemptRecord]) -> None:
    """Save attempts."""
    rows = [asdict(attempt) for attempt in attempts]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(queries["record_attempt"], rows)


def schedule_retry(connection: psycopg.Connection, id_: UUID, *, seconds: float, error: str) -> None:
    """Make a notice due again after so many real seconds."""
    connection.execute(queries["schedule_retry"], {"id": id_, "seconds": seconds, "error": error})


def postpone(connection: psycopg.Connection, id_: UUID, *, seconds: float) -> None:
    """Make a notice due after so many real seconds, when its quiet hours end; no attempt is counted."""
    connection.execute(queries["postpone"], {"id": id_, "seconds": seconds})


def fall_back(connection: psycopg.Connection, id_: UUID, generation: int, error: str) -> bool:
    """Queue a notice on its next channel; False when there is none, or its generation is a later one already."""
    parameters = {"id": id_, "generation": generation, "error": error}
    return connection.execute(queries["fall_back"], parameters).rowcount == 1


@dataclass(frozen=True, slots=True)
class UndeliveredNotice:
    """A notice that reached nobody; settled_at is business time."""

    id: UUID
    ticket: str
    audience: str
    template: str
    means: str
    error: str | None
    settled_at: datetime


def undelivered(
    connection: psycopg.Connection, *, since: datetime, means: str | None, limit: int
) -> list[UndeliveredNotice]:
    """Return notices that have failed since an instant of business time, on this channel or any, newest first."""
    parameters = {"since": since, "means": means, "limit": limit}
    return [UndeliveredNotice(*row) for row in connection.execute(queries["undelivered"], parameters).fetchall()]


def requeue_failed(
    connection: psycopg.Connection, *, since: datetime, means: str | None, ids: Sequence[UUID] | None
) -> int:
    """Queue notices that have failed since an instant of business time again; these, or all. Returns how many."""
    parameters = {"since": since, "means": means, "ids": list(ids) if ids is not None else None}
    return connection.execute(queries["requeue_failed"], parameters).rowcount


def unchanged(connection: psycopg.Connection, notices: Sequence[LeasedNotice]) -> list[LeasedNotice]:
    """Return those notices that are still in the state in which they were settled."""
    same = {row[0] for row in connection.execute(queries["unchanged"], _settled_parameters(notices)).fetchall()}
    return [notice for notice in notices if notice.id in same]


def mark_published(connection: psycopg.Connection, notices: Sequence[LeasedNotice]) -> None:
    """Mark the delivery records of notices as published, unless a report has changed them meanwhile."""
    connection.execute(queries["mark_published"], _settled_parameters(notices))


def _settled_parameters(notices: Sequence[LeasedNotice]) -> dict[str, Any]:
    return {
        "ids": [notice.id for notice in notices],
        "generations": [notice.generation for notice in notices],
        "states": [notice.state for notice in notices],
    }
