"""What the monitor reads of the ledger's tables."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

from services.shared.postgres import Database, Queries
from services.sla_monitor.domain.schedule import Entry

queries = Queries.beside(__file__)

FIRST_OF_ALL = (datetime(1, 1, 2, tzinfo=UTC), UUID(int=0))


def clocks(database: Database, partitions: set[int], *, first: int, chunk: int) -> Iterator[list[Entry]]:
    """Return the open clocks of some partitions in chunks, nearest first.

    Raises:
        Retryable: the database is away.

    """
    after, count = FIRST_OF_ALL, first
    while True:
        with database.transaction() as connection:
            rows = connection.execute(
                queries["nearest"],
                {"partitions": sorted(partitions), "after_at": after[0], "after_id": after[1], "count": count},
            ).fetchall()
        if rows:
            yield [Entry(*row) for row in rows]
            after = (rows[-1][3], rows[-1][0])
        if len(rows) < count:
            return
        count = chunk


def real_time(database: Database) -> float:
    """Return the database's real time, in seconds since the epoch.

    Raises:
        Retryable: the database is away.

    """
    with database.transaction() as connection:
        row = connection.execute(queries["real_time"]).fetchone()
    assert row is not None
    return float(row[0])
