"""The statements that look through all tickets use an index: at a million tickets they must not read them all."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from services.ledger.store import queries
from tests.builders import MORNING
from tests.postgres import PostgresServer

DAY = timedelta(days=1)
GRANTED = {"name": "x", "persons": ["y"], "since": MORNING, "until": MORNING + DAY, "pack": "bus"}


@pytest.fixture
def connection(postgres: PostgresServer) -> Iterator[psycopg.Connection]:
    with postgres.database() as url, psycopg.connect(url, autocommit=True) as connection:
        # Tables without rows would be read whole, whatever indexes they have.
        connection.execute("set enable_seqscan = off")
        yield connection


@pytest.mark.parametrize(
    ("statement", "values", "index"),
    [
        ("case_histories", {"pack": "bus", "since": MORNING, "until": MORNING + DAY}, "ticket_report"),
        ("recently_saved", {"partitions": [1], "seconds": 60}, "ticket_saved"),
        ("take_overdue", {"before": MORNING, "limit": 10}, "clock_next"),
        ("take_archive_due", {"today": MORNING.date(), "limit": 10}, "archive_due_day"),
        ("tickets_in_order", {}, "ticket_pkey"),
        ("changes_in_order", {}, "event_pkey"),
        ("granted_by_person", GRANTED, "event_compensation"),
        ("granted_by_key", GRANTED, "event_compensation_key"),
    ],
)
def test_a_statement_uses_its_index(
    connection: psycopg.Connection, statement: str, values: dict[str, Any], index: str
) -> None:
    plan = connection.execute(b"explain " + queries[statement].encode(), values).fetchall()
    assert index in "".join(line for (line,) in plan)
