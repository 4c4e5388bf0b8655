"""Stores ticket signals, hot issues and their members in PostgreSQL, and what of them is not published yet."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from schemas.hot_issue import HotIssue
from schemas.ticket import Ticket
from services.domain.ids import IssueKey
from services.hot_issues.domain.burst_detection import RULES, BurstLevel, BurstRules, IssueClosing
from services.hot_issues.domain.signal import TicketSignal
from services.shared.postgres.database import Queries, to_jsonb

queries = Queries.of_package(__package__)
SIGNAL_RETENTION = timedelta(days=RULES.baseline_days + 7)
"""Business time for which a ticket counts towards the usual number."""
MAX_DELETED = 5_000


class IssueMembership(NamedTuple):
    """A ticket that is linked to a hot issue.

    Attributes:
        linked_at: business time.
        tickets: how many tickets the issue had when this one was linked, including it.
        opened_at: when the issue opened, business time.

    """

    issue_id: UUID
    ticket_id: UUID
    linked_at: datetime
    tickets: int
    opened_at: datetime


def save_signals(connection: psycopg.Connection, signals: Iterable[TicketSignal]) -> None:
    """Save the kinds of tickets: one row for each ticket, from its newest event."""
    with connection.cursor() as cursor:
        rows = [
            {"ticket_id": signal.ticket_id, "version": signal.version, "accepted_at": signal.accepted_at}
            | signal.key._asdict()
            for signal in signals
        ]
        cursor.executemany(queries["save_signal"], rows)


def delete_old_signals(connection: psycopg.Connection, now: datetime, limit: int = MAX_DELETED) -> bool:
    """Delete up to `limit` signals older than `SIGNAL_RETENTION`; returns whether there may be more."""
    values = {"before": now - SIGNAL_RETENTION, "limit": limit}
    return connection.execute(queries["delete_old_signals"], values).rowcount == limit


def lock(connection: psycopg.Connection, key: IssueKey) -> None:
    """Wait until no other instance evaluates a kind, and keep others out until the transaction ends."""
    connection.execute(queries["lock"], {"key": "\x1f".join(key)})


def last_closed_at(connection: psycopg.Connection, key: IssueKey) -> datetime | None:
    """Return when the last issue of a kind was closed; tickets from before that belong to no other issue."""
    closed_at: datetime | None
    (closed_at,) = _fetch_row(connection, "last_closed_at", key._asdict())
    return closed_at


def burst_level(
    connection: psycopg.Connection,
    key: IssueKey,
    at: datetime,
    closed_at: datetime | None,
    rules: BurstRules = RULES,
) -> BurstLevel:
    """Count the tickets of a kind up to an instant; `closed_at` is what `last_closed_at` returned."""
    values = {"at": at, "closed_at": closed_at, "window": rules.window, "days": rules.baseline_days}
    recent, before, first = _fetch_row(connection, "burst_level", key._asdict() | values)
    days = min((at - first).days, rules.baseline_days) if first is not None else 0
    return BurstLevel(recent, before / days if days >= rules.min_baseline_days else None)


def _fetch_row(connection: psycopg.Connection, query: str, values: dict[str, Any]) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(queries[query], values).fetchone()
    assert row is not None
    return row


def unclosed_issues(connection: psycopg.Connection) -> list[HotIssue]:
    """Return the issues that are not closed."""
    return [HotIssue.from_record(body) for (body,) in connection.execute(queries["unclosed_issues"]).fetchall()]


def unclosed_issue(connection: psycopg.Connection, key: IssueKey) -> tuple[HotIssue, IssueClosing | None] | None:
    """Return the issue of a kind that is not closed, and an operator's request to close it; None if there is none."""
    row = connection.execute(queries["unclosed_issue"], key._asdict()).fetchone()
    if row is None:
        return None
    body, closing = row
    return HotIssue.from_record(body), IssueClosing(**closing) if closing is not None else None


def save_issue(connection: psycopg.Connection, issue: HotIssue, key: IssueKey) -> None:
    """Insert or update an issue; it is unpublished until `mark_published`."""
    values = {"id": issue.id, "status": issue.status, "version": issue.version, "body": to_jsonb(issue)}
    connection.execute(queries["save_issue"], key._asdict() | values)


def link_tickets(
    connection: psycopg.Connection,
    issue: HotIssue,
    key: IssueKey,
    now: datetime,
    closed_at: datetime | None,
    rules: BurstRules = RULES,
) -> int:
    """Make every ticket of the kind since the beginning of the burst a member; returns how many members there are.

    Tickets from before `closed_at`, when the kind's last issue was closed, are left out: they were part of that one.
    """
    began_at = issue.opened_at - rules.window
    since = began_at if closed_at is None else max(began_at, closed_at)
    values = {"issue_id": issue.id, "now": now, "since": since}
    connection.execute(queries["link_tickets"], key._asdict() | values)
    (count,) = _fetch_row(connection, "count_members", {"issue_id": issue.id})
    return int(count)


def unpublished_links(connection: psycopg.Connection) -> list[IssueMembership]:
    """Return members whose link command is not published yet, at most 100."""
    rows = connection.execute(queries["unpublished_links"]).fetchall()
    # Parsed as the issue is, so that its id can be made of it again.
    return [
        IssueMembership(issue_id, ticket_id, linked_at, tickets, msgspec.convert(opened_at, datetime))
        for issue_id, ticket_id, linked_at, tickets, opened_at in rows
    ]


def unpublished_issues(connection: psycopg.Connection) -> list[HotIssue]:
    """Return issues whose last version is not published yet, at most 500."""
    return [HotIssue.from_record(body) for (body,) in connection.execute(queries["unpublished_issues"]).fetchall()]


def mark_published(
    connection: psycopg.Connection, links: Sequence[IssueMembership], issues: Sequence[HotIssue]
) -> None:
    """Mark links and versions of issues as published, after the broker has acknowledged them."""
    with connection.cursor() as cursor:
        cursor.executemany(queries["mark_link_published"], [link._asdict() for link in links])
        versions = [{"id": issue.id, "version": issue.version} for issue in issues]
        cursor.executemany(queries["mark_issue_published"], versions)


def list_issues(connection: psycopg.Connection, *, include_closed: bool) -> list[HotIssue]:
    """Return issues, newest first, at most 200."""
    values = {"include_closed": include_closed}
    return [HotIssue.from_record(body) for (body,) in connection.execute(queries["list_issues"], values).fetchall()]


def find_by_id_prefix(connection: psycopg.Connection, prefix: str) -> list[HotIssue]:
    """Return the issues whose id begins with a prefix, at most two."""
    rows = connection.execute(queries["find_by_id_prefix"], {"pattern": prefix + "%"}).fetchall()
    return [HotIssue.from_record(body) for (body,) in rows]


def tickets_of_issue(connection: psycopg.Connection, issue_id: UUID) -> list[Ticket]:
    """Return the tickets of an issue, in the order of their acceptance."""
    rows = connection.execute(queries["tickets_of_issue"], {"issue_id": issue_id}).fetchall()
    return [Ticket.from_record(body) for (body,) in rows]


def request_close(connection: psycopg.Connection, issue_id: UUID, closing: IssueClosing) -> bool:
    """Save an operator's request to close an issue; returns False when it is closed already."""
    values = {"id": issue_id, "closing": Jsonb({"by": closing.by, "reason": closing.reason})}
    return connection.execute(queries["request_close"], values).rowcount == 1
