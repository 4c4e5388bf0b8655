"""A connection to PostgreSQL that never waits for ever, and the limits that the server sets on its session."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.rows import TupleRow

CONNECT_OPTIONS: dict[str, Any] = {
    "connect_timeout": 3,
    # A host that is gone counts as gone after ten seconds; TCP alone would wait much longer.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""How every connection is made; connect_timeout is in seconds, tcp_user_timeout in milliseconds."""
STATEMENT_SHARE, LOCK_SHARE = 0.9, 0.5
"""Shares of a transaction's time that a statement may take, and its waiting for a lock.

Less than all of it, so that it is the server that ends them where it can: the connection then stays in use.
"""


class TimeLimitExceeded(psycopg.OperationalError):
    """The server did not answer in time; the connection is closed, because its state is unknown."""


@dataclass
class WaitLimit:
    """A limit that all connections of a pool share.

    Attributes:
        stop_by: monotonic time after which nothing waits any more.

    """

    stop_by: float = math.inf

    def shorten(self, seconds: float) -> float:
        """Return the seconds that may be waited from now on, of so many."""
        return max(min(seconds, self.stop_by - time.monotonic()), 0.001)


class TimedConnection(psycopg.Connection[TupleRow]):
    """A connection whose waiting for the server ends at a deadline of this side.

    `statement_timeout` is kept by the server, and TCP's own limits by its kernel: neither ends the waiting for a server
    process that hangs.
    """

    deadline = math.inf
    limit = WaitLimit()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Let everything in the block together wait for the server for so many seconds at most.

        Raises:
            TimeLimitExceeded: the server has not answered by then.

        """
        self.deadline = time.monotonic() + seconds
        try:
            yield
        finally:
            self.deadline = math.inf

    def wait(self, gen: PQGen[RV], *arguments: Any, **options: Any) -> RV:
        """Wait for the server; called by the library for whatever it sends.

        Raises:
            TimeLimitExceeded: the deadline has passed.

        """
        try:
            return super().wait(self._until_deadline(gen), *arguments, **options)
        except TimeLimitExceeded:
            self.close()
            raise

    def _until_deadline(self, gen: PQGen[RV]) -> PQGen[RV]:
        """Pass everything on between the library's wait loop and a generator, until the deadline."""
        try:
            wanted = next(gen)
            while True:
                # The library comes by every tenth of a second, also when nothing has arrived.
                ready = yield wanted
                if time.monotonic() > min(self.deadline, self.limit.stop_by):
                    raise TimeLimitExceeded("the server does not answer")
                wanted = gen.send(ready)
        except StopIteration as done:
            result: RV = done.value
            return result


def apply_session_limits(connection: psycopg.Connection, within: float) -> None:
    """Tell the server how long this session may keep it, so that a host that vanishes holds no lock for ever.

    Args:
        connection: whose session it is; by statements, since a pooler in between refuses such startup options.
        within: seconds that a transaction may take.

    """
    limits = {
        "statement_timeout": within * 1000 * STATEMENT_SHARE,
        "lock_timeout": within * 1000 * LOCK_SHARE,
        "idle_in_transaction_session_timeout": within * 1000,
        "client_connection_check_interval": 5_000,
        "tcp_keepalives_idle": 5,
        "tcp_keepalives_interval": 2,
        "tcp_keepalives_count": 3,
        "tcp_user_timeout": 10_000,
    }
    connection.execute(
        "select set_config(name, value, false) from unnest(%s::text[], %s::text[]) as setting (name, value)",
        (list(limits), [f"{value:.0f}" for value in limits.values()]),
    )
