"""What the monitor reads of the ledger's tables."""

from collections.abc import Collection, Iterator

from services.shared.postgres.database import Database, Queries
from services.sla_monitor.domain.schedule import ScheduledTicket

queries = Queries.of_package(__package__)

FIRST_OF_ALL = (0.0, bytes(16))


def clocks(
    database: Database, partitions: Collection[int], *, first: int, chunk: int
) -> Iterator[list[ScheduledTicket]]:
    """Return the open clocks of some partitions in chunks, nearest first.

    Raises:
        Retryable: the database is away.

    """
    after, count = FIRST_OF_ALL, first
    while True:
        with database.transaction() as connection:
            values = {"partitions": sorted(partitions), "after_at": after[0], "after_id": after[1], "count": count}
            # In binary: a million rows are read as they are, without a text between.
            rows = connection.cursor(binary=True).execute(queries["nearest"], values).fetchall()
        if rows:
            yield [ScheduledTicket(*row) for row in rows]
            after = (rows[-1][0], rows[-1][2])
        if len(rows) < count:
            return
        count = chunk
