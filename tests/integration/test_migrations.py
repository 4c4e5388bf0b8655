"""The migrations on a real PostgreSQL: an empty database gets every table, one of an earlier version is refused."""

from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from services.shared.postgres.migrations import FOLDER, migrate
from services.shared.runtime.errors import ConfigurationError
from tests.postgres import PostgresServer

EARLIER = "0001_plumbing"
"""Name of the first migration before the schema became one file."""


def test_an_empty_database_gets_the_schema_once(postgres: PostgresServer) -> None:
    with postgres.empty_database() as url:
        assert migrate(SecretStr(url)) == [path.stem for path in sorted(FOLDER.glob("*.sql"))]
        assert migrate(SecretStr(url)) == []


def test_a_database_of_other_migrations_is_refused_with_what_to_do(postgres: PostgresServer, tmp_path: Path) -> None:
    (tmp_path / f"{EARLIER}.sql").write_text("create schema plumbing; create table plumbing.deployment ();")
    with postgres.empty_database() as url:
        assert migrate(SecretStr(url), tmp_path) == [EARLIER]
        with pytest.raises(ConfigurationError, match="data folder") as raised:
            migrate(SecretStr(url))
        assert "duban tickets import" in str(raised.value)
        assert "\n" not in str(raised.value)
        with psycopg.connect(url) as connection:
            assert connection.execute("select to_regclass('ledger.ticket')").fetchone() == (None,)


def test_tables_without_a_mark_of_their_version_are_refused(postgres: PostgresServer) -> None:
    with postgres.empty_database() as url:
        with psycopg.connect(url) as connection:
            connection.execute("create schema plumbing")
            connection.execute("create table plumbing.deployment ()")
        with pytest.raises(ConfigurationError, match="before"):
            migrate(SecretStr(url))


def test_a_database_that_a_newer_version_has_migrated_is_left_as_it_is(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    """The way back after an upgrade (DECISIONS 39)."""
    for path in FOLDER.glob("*.sql"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "9999_newer.sql").write_text("alter table ledger.ticket add column newer text;")
    with postgres.empty_database() as url:
        assert migrate(SecretStr(url), tmp_path)[-1] == "9999_newer"
        assert migrate(SecretStr(url)) == []
