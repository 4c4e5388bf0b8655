"""PostgreSQL: a connection pool per process, and named statements from a `queries.sql` next to the code."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import resources
from typing import LiteralString, cast

import psycopg
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool, PoolTimeout
from pydantic import SecretStr

from schemas.base import Model
from services.shared.postgres.database_errors import as_retryable
from services.shared.postgres.timed_connection import CONNECT_OPTIONS, TimedConnection, WaitLimit, apply_session_limits

_NAME = re.compile(r"^-- name: *([a-z_]+) *$", re.MULTILINE)

WAIT = 2.5
"""Seconds to wait for a connection before the database counts as unavailable."""
CHECK_WITHIN = 1.5
"""Seconds in which a connection that was idle has to answer before it is used."""
TRANSACTION_WITHIN = 20.0
"""Seconds that a transaction of a service may take; a loop without a sign of life for longer is ended."""
RECONNECT_WITHIN = 3.0
"""Seconds for which the pool tries to connect by itself; its pauses grow, and somebody who asks starts it again."""
CLOSE_WITHIN = 0.5
"""Seconds that each of the pool's threads has to end at the close; it may be connecting to a server that hangs."""
STOP_WITHIN = 2.0
"""Seconds after the stop signal within which transactions have to end; a service as a whole has ten."""


class Queries(Mapping[str, LiteralString]):
    """The statements of one `queries.sql`, by name."""

    def __init__(self, text: str) -> None:
        parts = _NAME.split(text)[1:]
        self._queries: dict[str, LiteralString] = {}
        for name, body in zip(parts[::2], parts[1::2], strict=True):
            if name in self._queries:
                raise ValueError(f"two statements are named {name}")
            # From a file of our own, so as trustworthy as a literal in the code.
            self._queries[name] = cast("LiteralString", body.strip().removesuffix(";"))

    @classmethod
    def of_package(cls, package: str) -> "Queries":
        """Load the `queries.sql` of a package."""
        return cls(resources.files(package).joinpath("queries.sql").read_text(encoding="utf-8"))

    def __getitem__(self, name: str) -> LiteralString:
        return self._queries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._queries)

    def __len__(self) -> int:
        return len(self._queries)


def to_jsonb(model: Model) -> Jsonb:
    """Return a model as the value of a jsonb column."""
    return Jsonb(model, dumps=_dump)


def _dump(model: Model) -> bytes:
    return model.to_json()


class Database:
    """A pool of connections. It connects on first use, and reconnects after the server was unavailable.

    No call waits for ever, whatever the server does: one that hangs keeps its connections open and answers nothing, so
    limits that the server sets would not help.

    Args:
        url: of the database, with the service's own role.
        name: of the service, as the server shows it.
        size: connections at most.
        within: seconds that a transaction may take, from asking for a connection to the end of its commit.

    """

    def __init__(self, url: SecretStr, *, name: str, size: int = 4, within: float = TRANSACTION_WITHIN) -> None:
        self._within = within
        self._limit = WaitLimit()
        self._pool = ConnectionPool(
            url.get_secret_value(),
            connection_class=TimedConnection,
            min_size=1,
            max_size=size,
            open=False,
            reconnect_timeout=RECONNECT_WITHIN,
            configure=self._configure,
            check=self._check,
            kwargs={**CONNECT_OPTIONS, "application_name": f"duban-{name}"},
        )

    def _configure(self, connection: TimedConnection) -> None:
        connection.limit = self._limit
        with connection.within(CHECK_WITHIN):
            apply_session_limits(connection, self._within)
        connection.commit()

    @staticmethod
    def _check(connection: TimedConnection) -> None:
        with connection.within(CHECK_WITHIN):
            ConnectionPool.check_connection(connection)

    @contextmanager
    def transaction(self, within: float | None = None) -> Iterator[psycopg.Connection]:
        """Provide a connection in a transaction that commits at the end, or rolls back on an exception.

        Args:
            within: seconds that it may take, for one that needs longer than others; None: as the pool says.

        Raises:
            Retryable: the database is unavailable, does not answer in time, lacks a migration, or aborted the
                transaction, as after a deadlock.

        """
        started = time.monotonic()
        try:
            if self._pool.closed:
                self._pool.open()
            with (
                self._pool.connection(self._limit.shorten(min(WAIT, self._within))) as connection,
                connection.within(started + (within or self._within) - time.monotonic()),
                connection.transaction(),
            ):
                if within is not None:
                    connection.execute("select set_config('statement_timeout', %s, true)", (f"{within * 1000:.0f}",))
                yield connection
        except (psycopg.Error, PoolTimeout) as error:
            retryable = as_retryable(error)
            if retryable is None:
                raise
            raise retryable from error

    def server_time(self) -> datetime:
        """Return the server's real time, in UTC, against which this machine's wall clock can be checked.

        Raises:
            Retryable: the database is unavailable.

        """
        with self.transaction() as connection:
            row = connection.execute("select clock_timestamp()").fetchone()
        assert row is not None
        now: datetime = row[0]
        return now.astimezone(UTC)

    def stop(self) -> None:
        """End all waiting for the server within two seconds; called when the process has to stop."""
        self._limit.stop_by = min(self._limit.stop_by, time.monotonic() + STOP_WITHIN)

    def close(self) -> None:
        """Close every connection."""
        self._pool.close(timeout=CLOSE_WITHIN)
