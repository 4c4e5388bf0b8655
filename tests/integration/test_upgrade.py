"""The machinery of `make test-upgrade`: a database of today's code passes, and one that lost something does not."""

from collections.abc import Iterator
from typing import LiteralString

import psycopg
import pytest

from schemas.ticket import Status
from tests.postgres import PostgresServer
from tests.upgrade import check
from tests.upgrade.check import Populated
from tests.upgrade.populate import NOW, populate

TICKETS = 3
"""Of each pack."""


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    with postgres.empty_database() as url:
        yield url


def made(url: str) -> Populated:
    ledger = populate(url, TICKETS)
    ledger.connection.close()
    states = check.last_states(ledger.published)
    return Populated(len(states), NOW, states)


def test_a_database_of_the_same_commit_needs_no_upgrade(url: str) -> None:
    found = made(url)
    assert found.tickets >= 9 * TICKETS
    assert list(check.problems(url, found)) == []


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("delete from ledger.clock", "ledger.clock has None"),
        ("delete from ledger.archive_due", "ledger.archive_due has None"),
        (
            "update ledger.ticket set body = jsonb_set(body, '{clocks}', '[]') where closed_at is null",
            "is not what its",
        ),
        ("update policy.version set form_version = 99 where pack = 'bus'", "cannot be read: bus"),
    ],
)
def test_what_an_upgrade_loses_is_found(url: str, loss: LiteralString, message: str) -> None:
    found = made(url)
    with psycopg.connect(url) as connection:
        connection.execute(loss)
    assert message in " ".join(check.problems(url, found))


def test_tickets_of_every_status_are_made(url: str) -> None:
    ledger = populate(url, 12)
    with ledger.connection as connection:
        statuses = {status for (status,) in connection.execute("select distinct status from ledger.ticket")}
    assert statuses == set(Status)
