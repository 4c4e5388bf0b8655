"""Tickets by kind, issues, and what is still to be told, in PostgreSQL."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from schemas.hot_issue import HotIssue
from schemas.ticket import Ticket
from services.hot_issues.domain.burst_detection import RULES, BurstLevel, BurstRules, IssueClosing, IssueKey
from services.hot_issues.domain.signal import TicketSignal
from services.shared.postgres.database import Queries, as_json

queries = Queries.of_package(__package__)
KEPT = timedelta(days=RULES.days + 7)
"""How long a ticket counts towards what is usual."""
FORGOTTEN_AT_ONCE = 5_000


class IssueMembership(NamedTuple):
    """A ticket's part in an issue.

    Attributes:
        linked_at: business time.
        tickets: how many the issue had with it.

    """

    issue_id: UUID
    ticket_id: UUID
    linked_at: datetime
    tickets: int


def note(connection: psycopg.Connection, signs: Iterable[TicketSignal]) -> None:
    """Keep of what kind tickets are; each ticket once, by its newest event."""
    with connection.cursor() as cursor:
        rows = [
            {"ticket_id": each.ticket_id, "version": each.version, "accepted_at": each.accepted_at}
            | each.kind._asdict()
            for each in signs
        ]
        cursor.executemany(queries["note"], rows)


def forget(connection: psycopg.Connection, now: datetime, at_once: int = FORGOTTEN_AT_ONCE) -> bool:
    """Let go of tickets that count no more, some thousands at a time; returns whether there may be others."""
    return connection.execute(queries["forget"], {"before": now - KEPT, "at_once": at_once}).rowcount == at_once


def lock(connection: psycopg.Connection, kind: IssueKey) -> None:
    """Wait until nobody else looks at a kind, up to the transaction's end."""
    connection.execute(queries["lock"], {"kind": "\x1f".join(kind)})


def closed_at(connection: psycopg.Connection, kind: IssueKey) -> datetime | None:
    """Return when the last issue of a kind was closed; what came before it belongs to no other."""
    closed: datetime | None
    (closed,) = _row(connection, "closed_at", kind._asdict())
    return closed


def heat(
    connection: psycopg.Connection, kind: IssueKey, at: datetime, closed: datetime | None, rules: BurstRules = RULES
) -> BurstLevel:
    """Count the tickets of a kind up to a moment; `closed` as `closed_at` has it."""
    values = {"at": at, "closed_at": closed, "window": rules.window, "days": rules.days}
    recent, before, first = _row(connection, "heat", kind._asdict() | values)
    days = min((at - first).days, rules.days) if first is not None else 0
    return BurstLevel(recent, before / days if days >= rules.known_after else None)


def _row(connection: psycopg.Connection, name: str, values: dict[str, Any]) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(queries[name], values).fetchone()
    assert row is not None
    return row


def unclosed(connection: psycopg.Connection) -> list[HotIssue]:
    """Return the issues that are not closed."""
    return [HotIssue.from_json(body) for (body,) in connection.execute(queries["unclosed"]).fetchall()]


def issue_of(connection: psycopg.Connection, kind: IssueKey) -> tuple[HotIssue, IssueClosing | None] | None:
    """Return the issue of a kind that is not closed, with a person's word that it is over if there is one."""
    row = connection.execute(queries["issue_of"], kind._asdict()).fetchone()
    if row is None:
        return None
    body, closing = row
    return HotIssue.from_json(body), IssueClosing(**closing) if closing is not None else None


def save(connection: psycopg.Connection, issue: HotIssue, kind: IssueKey) -> None:
    """Keep an issue as it stands now; it is published afterwards."""
    values = {"id": issue.id, "status": issue.status, "version": issue.version, "body": as_json(issue)}
    connection.execute(queries["save"], kind._asdict() | values)


def link(
    connection: psycopg.Connection,
    issue: HotIssue,
    kind: IssueKey,
    now: datetime,
    closed: datetime | None,
    rules: BurstRules = RULES,
) -> int:
    """Make every ticket of the kind since the burst began a member; returns how many there are.

    Those from before the kind's last issue was closed, `closed`, are left out: they were part of that one.
    """
    began = issue.opened_at - rules.window
    values = {"issue_id": issue.id, "now": now, "since": began if closed is None else max(began, closed)}
    connection.execute(queries["link"], kind._asdict() | values)
    (count,) = _row(connection, "members", {"issue_id": issue.id})
    return int(count)


def untold(connection: psycopg.Connection) -> list[IssueMembership]:
    """Return links that the ledger does not have yet, at most 100."""
    return [IssueMembership(*row) for row in connection.execute(queries["untold"]).fetchall()]


def unpublished(connection: psycopg.Connection) -> list[HotIssue]:
    """Return issues whose last version is not on the topic, at most 500."""
    return [HotIssue.from_json(body) for (body,) in connection.execute(queries["unpublished"]).fetchall()]


def told(connection: psycopg.Connection, links: Sequence[IssueMembership], issues: Sequence[HotIssue]) -> None:
    """Keep what was acknowledged by the broker."""
    with connection.cursor() as cursor:
        cursor.executemany(queries["told"], [each._asdict() for each in links])
        cursor.executemany(queries["published"], [{"id": each.id, "version": each.version} for each in issues])


def find(connection: psycopg.Connection, *, all_: bool) -> list[HotIssue]:
    """Return issues, newest first, at most 200; the closed ones too if asked."""
    return [HotIssue.from_json(body) for (body,) in connection.execute(queries["find"], {"all": all_}).fetchall()]


def by_id(connection: psycopg.Connection, begin: str) -> list[HotIssue]:
    """Return the issues whose id begins like this, at most two."""
    rows = connection.execute(queries["by_id"], {"id": begin + "%"}).fetchall()
    return [HotIssue.from_json(body) for (body,) in rows]


def tickets(connection: psycopg.Connection, issue_id: UUID) -> list[Ticket]:
    """Return the tickets of an issue, in the order of their acceptance."""
    rows = connection.execute(queries["tickets"], {"issue_id": issue_id}).fetchall()
    return [Ticket.from_json(body) for (body,) in rows]


def ask_to_close(connection: psycopg.Connection, issue_id: UUID, closing: IssueClosing) -> bool:
    """Keep a person's word that an issue is over; False when it is closed already."""
    values = {"id": issue_id, "closing": Jsonb({"by": closing.by, "reason": closing.reason})}
    return connection.execute(queries["ask_to_close"], values).rowcount == 1
