"""Asks the database, on a connection of its own, whether it answers, what time it is, and which migrations it has."""

import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from pydantic import SecretStr

from services.shared.postgres.database_errors import WRONG_SCHEMA
from services.shared.postgres.migrations import FOLDER
from services.shared.postgres.timed_connection import CONNECT_OPTIONS, TimedConnection
from services.shared.runtime.errors import Retryable

ANSWER_WITHIN = 2.0
"""Seconds within which the database has to answer: what hangs is reported within five."""


@dataclass(frozen=True, slots=True)
class DatabaseAnswer:
    """An answer of the database.

    Attributes:
        time: its real time, in UTC.
        asked_at: monotonic time before it was asked, in seconds.
        missing: migrations of this version that it does not have.

    """

    time: datetime
    asked_at: float
    missing: list[str]


class DatabaseProbe:
    """Asks the database; after a failure it connects anew.

    Args:
        url: of the database, with the service's own role.
        name: of the service.
        migrations: that it has to have; default: those that come with this version.

    """

    def __init__(self, url: SecretStr, name: str, migrations: Collection[str] | None = None) -> None:
        self._url = url
        self._name = name
        self._migrations = {path.stem for path in FOLDER.glob("*.sql")} if migrations is None else set(migrations)
        self._connection: TimedConnection | None = None

    def ask(self) -> DatabaseAnswer:
        """Return the database's answer.

        Raises:
            Retryable: it does not answer in time.

        """
        try:
            connection = self._connect()
            with connection.within(ANSWER_WITHIN):
                applied = _applied_migrations(connection)
                asked_at = time.monotonic()
                row = connection.execute("select clock_timestamp()").fetchone()
        except psycopg.Error as error:
            self.close()
            raise Retryable(f"the database is unavailable ({type(error).__name__})") from error
        assert row is not None
        now: datetime = row[0]
        return DatabaseAnswer(now.astimezone(UTC), asked_at, sorted(self._migrations - applied))

    def _connect(self) -> TimedConnection:
        if self._connection is None:
            options = {**CONNECT_OPTIONS, "connect_timeout": int(ANSWER_WITHIN)}
            self._connection = TimedConnection.connect(
                self._url.get_secret_value(), autocommit=True, application_name=f"duban-{self._name}-probe", **options
            )
        return self._connection

    def close(self) -> None:
        """Disconnect."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()


def _applied_migrations(connection: psycopg.Connection) -> set[str]:
    try:
        rows = connection.execute("select name from plumbing.migration").fetchall()
    except WRONG_SCHEMA:
        # Not even the view is there that names them.
        return set()
    return {name for (name,) in rows}
