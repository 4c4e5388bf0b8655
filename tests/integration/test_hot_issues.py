"""Hot issues in a real database; every test is rolled back, so the running service never sees its rows."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from schemas.hot_issue import HotIssue
from services.domain.ids import IssueKey
from services.hot_issues import store
from services.hot_issues.domain import burst_detection
from services.hot_issues.domain.burst_detection import IssueClosing
from services.hot_issues.domain.signal import TicketSignal
from services.hot_issues.handlers import evaluate
from tests.builders import HOUR, MINUTE, MORNING
from tests.system import System

KEY = IssueKey("carrier", "broadband", "fault", "测试城")
CLOSING = IssueClosing("赵工", "光缆已修复")


@pytest.fixture
def connection(system: System) -> Iterator[psycopg.Connection]:
    with system.database() as connection, connection.transaction(force_rollback=True):
        # The tickets of other tests would make the usual number of this kind known.
        connection.execute("delete from hot_issues.sign")
        yield connection


def _save_tickets(connection: psycopg.Connection, count: int, at: datetime) -> list[UUID]:
    """Save tickets of the kind, one a second."""
    times = [at + timedelta(seconds=number) for number in range(count)]
    signals = [TicketSignal(uuid4(), 1, at, KEY, at) for at in times]
    store.save_signals(connection, signals)
    return [signal.ticket_id for signal in signals]


def _linked_tickets(connection: psycopg.Connection, issue: HotIssue) -> set[UUID]:
    query = "select ticket_id from hot_issues.member where issue_id = %s"
    return {id_ for (id_,) in connection.execute(query, (issue.id,)).fetchall()}


def _open_issue(connection: psycopg.Connection, now: datetime, instants: Sequence[datetime] = ()) -> HotIssue:
    issue = evaluate(connection, KEY, instants or [now], now)
    assert issue is not None
    assert (issue.status, issue.version) == ("open", 1)
    return issue


@pytest.mark.requirement("R3.7")
def test_an_issue_that_was_closed_does_not_open_again_with_the_same_tickets(
    connection: psycopg.Connection,
) -> None:
    old, now = _save_tickets(connection, 12, MORNING), MORNING + MINUTE
    first = _open_issue(connection, now)
    assert store.request_close(connection, first.id, CLOSING)
    now += MINUTE
    closed = evaluate(connection, KEY, [now], now)
    assert closed is not None
    assert (closed.status, closed.closed_by, closed.reason) == ("closed", CLOSING.by, CLOSING.reason)

    new = _save_tickets(connection, 9, now + MINUTE)
    now += 2 * MINUTE
    assert evaluate(connection, KEY, [now], now) is None
    new += _save_tickets(connection, 1, now)
    now += MINUTE
    again = _open_issue(connection, now)
    assert (again.tickets, again.recent) == (10, 10)
    assert _linked_tickets(connection, again) == set(new)
    assert _linked_tickets(connection, first) == set(old)


@pytest.mark.requirement("R3.7")
def test_a_burst_that_is_read_hours_later_is_noticed(connection: psycopg.Connection) -> None:
    burst, late = _save_tickets(connection, 10, MORNING), MORNING + 3 * HOUR
    after = _save_tickets(connection, 1, MORNING + 2 * HOUR)
    assert evaluate(connection, KEY, [late], late) is None
    times = [MORNING + timedelta(seconds=number) for number in range(10)] + [MORNING + 2 * HOUR]
    issue = _open_issue(connection, late, burst_detection.evaluation_times(times, late))
    assert issue.opened_at == MORNING + timedelta(seconds=9)
    assert _linked_tickets(connection, issue) == set(burst + after)


def test_a_request_to_close_that_comes_during_an_evaluation_is_kept(connection: psycopg.Connection) -> None:
    _save_tickets(connection, 12, MORNING)
    issue = _open_issue(connection, MORNING + MINUTE)
    assert store.request_close(connection, issue.id, CLOSING)
    store.save_issue(connection, issue.replace(version=2), KEY)
    known = store.unclosed_issue(connection, KEY)
    assert known is not None
    assert known[1] == CLOSING
    store.save_issue(connection, issue.replace(version=3, status="closed"), KEY)
    (left,) = connection.execute("select closing from hot_issues.issue where id = %s", (issue.id,)).fetchone() or ("",)
    assert left is None


def test_a_link_stays_the_same_when_its_issue_has_grown(connection: psycopg.Connection) -> None:
    first = _save_tickets(connection, 12, MORNING)
    issue = _open_issue(connection, MORNING + MINUTE)
    before = [each for each in store.unpublished_links(connection) if each.issue_id == issue.id]
    more = _save_tickets(connection, 10, MORNING + 2 * MINUTE)
    grown = evaluate(connection, KEY, [], MORNING + 3 * MINUTE)
    assert grown is not None
    assert grown.tickets == 22
    after = {each.ticket_id: each for each in store.unpublished_links(connection) if each.issue_id == issue.id}
    assert {each.ticket_id for each in before} == set(first)
    assert all(after[each.ticket_id] == each for each in before)
    assert {after[each].tickets for each in more} == {22}


def test_all_old_signals_are_deleted(connection: psycopg.Connection) -> None:
    _save_tickets(connection, 25, MORNING - store.SIGNAL_RETENTION - HOUR)
    kept = _save_tickets(connection, 3, MORNING)
    rounds = 1
    while store.delete_old_signals(connection, MORNING, limit=10):
        rounds += 1
    assert rounds == 3
    assert [id_ for (id_,) in connection.execute("select ticket_id from hot_issues.sign").fetchall()] == kept
