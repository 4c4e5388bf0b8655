"""Notices in PostgreSQL: one row of proof for each."""

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

NOWHERE = "sms"
"""The desk that settles notices without an address."""


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
            "run": each.run,
            "clock": each.clock,
            "quiet_from": each.quiet.begin if each.quiet is not None else None,
            "quiet_until": each.quiet.end if each.quiet is not None else None,
            "zone": each.quiet.zone if each.quiet is not None else None,
            "paper": each.paper,
            "digest_over": over,
            "context": Jsonb(each.context),
            "queued_at": now,
        }
        for each, over in notices
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(queries["queue"], rows)


def take(connection: psycopg.Connection, means: str, *, lease: float, most: int) -> list[LeasedNotice]:
    """Take notices of a means that are due, the most urgent first, for as long as the lease (real seconds).

    Within one transaction, which holds them until they are leased.

    With one that gathered for an address come all others that did, so that they can go in one letter.
    """
    taken = _taken(connection, "due", {"means": means, "most": most}, lease)
    addresses = [each.address for each in taken if each.held_until is not None]
    if addresses:
        taken += _taken(connection, "due_gathered", {"means": means, "addresses": addresses}, lease)
    return sorted(taken, key=lambda each: each.urgency)


def take_tired(
    connection: psycopg.Connection, means: str, *, lease: float, most: int, patience: Mapping[int, float], last: float
) -> list[LeasedNotice]:
    """Take notices that have waited for a means for longer than the patience (real seconds, by urgency) with it."""
    told = {"means": means, "most": most, "last": last}
    told |= {f"patience_{urgency}": seconds for urgency, seconds in patience.items()}
    return _taken(connection, "due_tired", told, lease)


def _taken(connection: psycopg.Connection, due: str, told: Mapping[str, Any], lease: float) -> list[LeasedNotice]:
    ids = [row[0] for row in connection.execute(queries[due], told).fetchall()]
    rows = connection.execute(queries["lease"], {"ids": ids, "lease": lease}).fetchall() if ids else []
    return [LeasedNotice(*(*row[:-1], _standing(row[-1]))) for row in rows]


def _standing(told: Mapping[str, Any] | None) -> TicketSnapshot | None:
    return TicketSnapshot(**{**told, "running": frozenset(told["running"])}) if told is not None else None


def give_back(connection: psycopg.Connection, notices: Iterable[LeasedNotice]) -> None:
    """Let notices that were taken and not tried be taken again."""
    connection.execute(queries["give_back"], _ours(notices))


def hold(connection: psycopg.Connection, notices: Iterable[LeasedNotice], *, minute: float) -> None:
    """Let notices wait until a minute of policy time, told in real seconds, is over; the same minute for all."""
    connection.execute(queries["hold"], _ours(notices) | {"minute": minute})


def still_ours(connection: psycopg.Connection, notices: Iterable[LeasedNotice]) -> set[UUID]:
    """Return the notices whose lease is not another worker's by now, and keep them ours until the transaction ends."""
    return {id_ for (id_,) in connection.execute(queries["still_ours"], _ours(notices)).fetchall()}


def _ours(notices: Iterable[LeasedNotice]) -> dict[str, Any]:
    notices = list(notices)
    return {"ids": [each.id for each in notices], "leases": [each.leased_until for each in notices]}


def sent_lately(connection: psycopg.Connection, addresses: Iterable[str], *, minute: float) -> dict[str, int]:
    """Return how many notices went to each address within the last minute of policy time, told in real seconds."""
    values = {"addresses": list(addresses), "minute": minute}
    return dict(connection.execute(queries["sent_lately"], values).fetchall())


def settle(connection: psycopg.Connection, notices: Iterable[LeasedNotice]) -> None:
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


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One try to send a notice, or a provider's word about it afterwards.

    Attributes:
        outcome: sent, again or failed; delivered or returned afterwards.
        handed: the id under which it was handed over, when it was.
        parts: how many messages an SMS was.

    """

    notice_id: UUID
    turn: int
    means: str
    outcome: str
    handed: str | None = None
    provider_id: str | None = None
    error: str | None = None
    parts: int | None = None


def attempted(connection: psycopg.Connection, attempts: Iterable[AttemptRecord]) -> None:
    """Keep attempts."""
    rows = [asdict(each) for each in attempts]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(queries["attempt"], rows)


def retry(connection: psycopg.Connection, id_: UUID, *, seconds: float, error: str) -> None:
    """Try a notice again later."""
    connection.execute(queries["retry"], {"id": id_, "seconds": seconds, "error": error})


def postpone(connection: psycopg.Connection, id_: UUID, *, seconds: float) -> None:
    """Let a notice that was not tried wait for so many real seconds, because of the hour."""
    connection.execute(queries["postpone"], {"id": id_, "seconds": seconds})


def fall_back(connection: psycopg.Connection, id_: UUID, turn: int, error: str) -> bool:
    """Try a notice by its next way; False when there is none, or when it has gone there already."""
    return connection.execute(queries["fall_back"], {"id": id_, "turn": turn, "error": error}).rowcount == 1


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
    connection: psycopg.Connection, *, since: datetime, means: str | None, most: int
) -> list[UndeliveredNotice]:
    """Return notices that have reached nobody since then, by these means or any, the newest first."""
    told = {"since": since, "means": means, "most": most}
    return [UndeliveredNotice(*row) for row in connection.execute(queries["undelivered"], told).fetchall()]


def begin_again(
    connection: psycopg.Connection, *, since: datetime, means: str | None, ids: Sequence[UUID] | None
) -> int:
    """Queue notices that have reached nobody since then again; these, or all. Returns how many."""
    told = {"since": since, "means": means, "ids": list(ids) if ids is not None else None}
    return connection.execute(queries["begin_again"], told).rowcount


def unchanged(connection: psycopg.Connection, notices: Sequence[LeasedNotice]) -> list[LeasedNotice]:
    """Return those notices that are still as they were settled."""
    same = {row[0] for row in connection.execute(queries["unchanged"], _as_settled(notices)).fetchall()}
    return [each for each in notices if each.id in same]


def published(connection: psycopg.Connection, notices: Sequence[LeasedNotice]) -> None:
    """Mark notices whose delivery was published, as they were then: nothing more is to be done."""
    connection.execute(queries["published"], _as_settled(notices))


def _as_settled(notices: Sequence[LeasedNotice]) -> dict[str, Any]:
    return {
        "ids": [each.id for each in notices],
        "turns": [each.turn for each in notices],
        "states": [each.state for each in notices],
    }
