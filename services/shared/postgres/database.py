"""PostgreSQL: a connection pool per process, and named statements from a `queries.sql` next to the code."""

import re
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
from services.shared.runtime.errors import Retryable

_NAME = re.compile(r"^-- name: *([a-z_]+) *$", re.MULTILINE)

WAIT = 5.0
"""Seconds to wait for a connection before the database counts as unavailable."""


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
    """A pool of connections. It connects on first use, and reconnects after the server was unavailable."""

    def __init__(self, url: SecretStr, *, name: str, size: int = 4) -> None:
        self._pool = ConnectionPool(
            url.get_secret_value(),
            min_size=1,
            max_size=size,
            open=False,
            timeout=WAIT,
            reconnect_timeout=30,
            check=ConnectionPool.check_connection,
            # A peer that is silent for ten seconds counts as gone; TCP alone would wait much longer.
            kwargs={
                "application_name": f"duban-{name}",
                "connect_timeout": 5,
                "keepalives_idle": 5,
                "keepalives_interval": 2,
                "keepalives_count": 3,
                "tcp_user_timeout": 10_000,
            },
        )

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Connection]:
        """Provide a connection in a transaction that commits at the end, or rolls back on an exception.

        Raises:
            Retryable: the database is unavailable, or aborted the transaction, as after a deadlock.

        """
        try:
            if self._pool.closed:
                self._pool.open()
            with self._pool.connection() as connection, connection.transaction():
                yield connection
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
            raise Retryable(f"the database is unavailable ({type(error).__name__})") from error

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

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()
