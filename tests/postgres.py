"""An embedded PostgreSQL alone, for tests that need a database and no broker."""

import itertools
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from deploy.local import plan
from deploy.local.folder import DataFolder
from deploy.local.ports import free_port
from deploy.local.postgres import OWNER, Postgres, ensure_roles
from services.shared.postgres.migrations import migrate
from tests.builders import eventually

_numbers = itertools.count(1)


@dataclass(frozen=True)
class PostgresServer:
    """A running server.

    Attributes:
        superuser_url: URL of the role that may create databases.
        owner_url: URL of the owner of the application's database.

    """

    superuser_url: str
    owner_url: str

    @contextmanager
    def empty_database(self) -> Iterator[str]:
        """Create a database that belongs to the owner, drop it afterwards; yields the owner's URL of it."""
        name = f"test_{next(_numbers)}"
        self._execute(sql.SQL("create database {} owner {}").format(sql.Identifier(name), sql.Identifier(OWNER)))
        try:
            yield f"{self.owner_url.rpartition('/')[0]}/{name}"
        finally:
            self._execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

    @contextmanager
    def database(self) -> Iterator[str]:
        """Like `empty_database`, with today's tables."""
        with self.empty_database() as url:
            migrate(SecretStr(url))
            yield url

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def running_postgres(data: Path) -> Iterator[PostgresServer]:
    """Run a server on a data folder while the block runs, with the owner's and the services' roles."""
    folder = DataFolder(data)
    folder.create()
    postgres = Postgres(folder, free_port())
    postgres.prepare(lambda _: None)
    with (folder.logs / "postgres.log").open("ab") as log:
        process = subprocess.Popen(postgres.command, stdout=log, stderr=log)
    try:
        eventually(lambda: _accepts_connections(postgres.superuser_url), why=f"look at {folder.logs}")
        ensure_roles(postgres.superuser_url, {role: folder.secret(role) for role in plan.ROLES})
        yield PostgresServer(postgres.superuser_url, postgres.url(OWNER))
    finally:
        # At once: SIGTERM would wait until every client has left.
        process.send_signal(signal.SIGINT)
        process.wait(30)


def _accepts_connections(url: str) -> bool:
    try:
        psycopg.connect(make_conninfo(url, connect_timeout=2)).close()
    except psycopg.OperationalError:
        return False
    return True
