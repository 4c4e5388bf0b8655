"""Hot issues in the real database; every test is rolled back, so the running service never sees what it does."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from schemas.hot_issue import HotIssue
from services.hot_issues import store
from services.hot_issues.domain import burst_detection
from services.hot_issues.domain.burst_detection import IssueClosing, IssueKey
from services.hot_issues.domain.signal import TicketSignal
from services.hot_issues.handlers import judge
from tests.builders import HOUR, MINUTE, MORNING
from tests.system import System

KIND = IssueKey("carrier", "broadband", "fault", "测试城")
CLOSING = IssueClosing("赵工", "光缆已修复")


@pytest.fixture
def connection(system: System) -> Iterator[psycopg.Connection]:
    with system.database() as connection, connection.transaction(force_rollback=True):
        # Others' tickets would say that this kind's usual number is known.
        connection.execute("delete from hot_issues.sign")
        yield connection


def _tickets(connection: psycopg.Connection, count: int, at: datetime) -> list[UUID]:
    """Take in tickets of the kind, one a second."""
    told = [TicketSignal(uuid4(), 1, at + timedelta(seconds=n), KIND, at + timedelta(seconds=n)) for n in range(count)]
    store.note(connection, told)
    return [each.ticket_id for each in told]


def _linked(connection: psycopg.Connection, issue: HotIssue) -> set[UUID]:
    query = "select ticket_id from hot_issues.member where issue_id = %s"
    return {id_ for (id_,) in connection.execute(query, (issue.id,)).fetchall()}


def _begun(connection: psycopg.Connection, now: datetime, moments: Sequence[datetime] = ()) -> HotIssue:
    issue = judge(connection, KIND, moments or [now], now)
    assert issue is not None
    assert (issue.status, issue.version) == ("open", 1)
    return issue


@pytest.mark.requirement("R3.7")
def test_an_issue_that_a_person_closed_does_not_open_again_with_the_same_tickets(
    connection: psycopg.Connection,
) -> None:
    old, now = _tickets(connection, 12, MORNING), MORNING + MINUTE
    first = _begun(connection, now)
    assert store.ask_to_close(connection, first.id, CLOSING)
    now += MINUTE
    closed = judge(connection, KIND, [now], now)
    assert closed is not None
    assert (closed.status, closed.closed_by, closed.reason) == ("closed", CLOSING.by, CLOSING.reason)

    new = _tickets(connection, 9, now + MINUTE)
    now += 2 * MINUTE
    assert judge(connection, KIND, [now], now) is None
    new += _tickets(connection, 1, now)
    now += MINUTE
    again = _begun(connection, now)
    assert (again.tickets, again.recent) == (10, 10)
    assert _linked(connection, again) == set(new)
    assert _linked(connection, first) == set(old)


@pytest.mark.requirement("R3.7")
def test_a_burst_that_is_read_hours_later_is_noticed(connection: psycopg.Connection) -> None:
    burst, late = _tickets(connection, 10, MORNING), MORNING + 3 * HOUR
    after = _tickets(connection, 1, MORNING + 2 * HOUR)
    assert judge(connection, KIND, [late], late) is None
    told = [MORNING + timedelta(seconds=n) for n in range(10)] + [MORNING + 2 * HOUR]
    issue = _begun(connection, late, burst_detection.moments(told, late))
    assert issue.opened_at == MORNING + timedelta(seconds=9)
    assert _linked(connection, issue) == set(burst + after)


def test_a_persons_word_that_comes_while_an_issue_is_looked_at_is_kept(connection: psycopg.Connection) -> None:
    _tickets(connection, 12, MORNING)
    issue = _begun(connection, MORNING + MINUTE)
    assert store.ask_to_close(connection, issue.id, CLOSING)
    store.save(connection, issue.replace(version=2), KIND)
    known = store.issue_of(connection, KIND)
    assert known is not None
    assert known[1] == CLOSING
    store.save(connection, issue.replace(version=3, status="closed"), KIND)
    (left,) = connection.execute("select closing from hot_issues.issue where id = %s", (issue.id,)).fetchone() or ("",)
    assert left is None


def test_a_link_tells_the_same_when_its_issue_has_grown(connection: psycopg.Connection) -> None:
    first = _tickets(connection, 12, MORNING)
    issue = _begun(connection, MORNING + MINUTE)
    before = [each for each in store.untold(connection) if each.issue_id == issue.id]
    more = _tickets(connection, 10, MORNING + 2 * MINUTE)
    grown = judge(connection, KIND, [], MORNING + 3 * MINUTE)
    assert grown is not None
    assert grown.tickets == 22
    after = {each.ticket_id: each for each in store.untold(connection) if each.issue_id == issue.id}
    assert {each.ticket_id for each in before} == set(first)
    assert all(after[each.ticket_id] == each for each in before)
    assert {after[each].tickets for each in more} == {22}


def test_everything_that_counts_no_more_is_forgotten(connection: psycopg.Connection) -> None:
    _tickets(connection, 25, MORNING - store.KEPT - HOUR)
    kept = _tickets(connection, 3, MORNING)
    looks = 1
    while store.forget(connection, MORNING, at_once=10):
        looks += 1
    assert looks == 3
    assert [id_ for (id_,) in connection.execute("select ticket_id from hot_issues.sign").fetchall()] == kept
