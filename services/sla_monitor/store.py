"""Reads deadlines from the ledger's table ledger.clock."""

from collections.abc import Collection, Iterator

from services.shared.postgres.database import Database, Queries
from services.sla_monitor.domain.schedule import ScheduledTicket

queries = Queries.of_package(__package__)

LOAD_WITHIN = 120.0
"""Real seconds that one chunk may take: after an outage many monitors load millions of deadlines at once."""
BEFORE_ALL = (0.0, bytes(16))
"""Key before the first row: deadline in seconds since 1970, and ticket id."""


def load_deadlines(
    database: Database, partitions: Collection[int], *, first: int, chunk: int
) -> Iterator[list[ScheduledTicket]]:
    """Yield the deadlines of partitions in chunks, nearest first: `first` rows, then `chunk` rows each.

    Raises:
        Retryable: the database is unavailable.

    """
    after, count = BEFORE_ALL, first
    while True:
        with database.transaction(LOAD_WITHIN) as connection:
            values = {"partitions": sorted(partitions), "after_at": after[0], "after_id": after[1], "count": count}
            # In binary format: a million rows are read without conversion from text.
            rows = connection.cursor(binary=True).execute(queries["nearest_deadlines"], values).fetchall()
        if rows:
            yield [ScheduledTicket(*row) for row in rows]
            after = (rows[-1][0], rows[-1][2])
        if len(rows) < count:
            return
        count = chunk
