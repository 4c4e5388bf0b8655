"""Applies the database migrations: numbered SQL files in `deploy/migrations`, once, in order, under a lock."""

from pathlib import Path

import psycopg
from pydantic import SecretStr
from yoyo import get_backend, read_migrations

from services.shared.postgres.timed_connection import CONNECT_OPTIONS
from services.shared.runtime import package_data
from services.shared.runtime.errors import ConfigurationError

FOLDER = package_data.folder("deploy") / "migrations"

LOCK_WITHIN = 20
"""Seconds that a migration waits for a table before it gives up; the same command goes on from there."""
_TABLE_OF_EVERY_VERSION = "plumbing.deployment"


def migrate(url: SecretStr, folder: Path = FOLDER) -> list[str]:
    """Apply the missing migrations and return their names; safe to repeat while the system runs.

    Migrations that the database has and the folder has not are those of a newer version, which this one can read: a
    newer version only adds to the schema (docs/versions.md).

    Raises:
        ConfigurationError: the database was made by a version that cannot be upgraded; nothing was changed.

    """
    migrations = read_migrations(str(folder))
    backend = get_backend(url.get_secret_value().replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        # A migration may run as long as it has to, but while it waits for a table nobody else gets to it either.
        backend.execute("set statement_timeout = 0")
        backend.execute(f"set lock_timeout = '{LOCK_WITHIN}s'")
        backend.commit()
        with backend.lock(timeout=60):
            applied = backend.get_applied_migration_hashes()
            if migrations[0].hash not in applied and (applied or _has_tables(url)):
                raise ConfigurationError(
                    "the database was made by a version before 0.2, which cannot be upgraded: stop the system, move "
                    "its data folder away (or name another database) and start with an empty one; "
                    "`duban tickets import` brings the open tickets over"
                )
            missing = backend.to_apply(migrations)
            names = [migration.id for migration in missing]
            backend.apply_migrations(missing)
            return names
    finally:
        backend.connection.close()


def _has_tables(url: SecretStr) -> bool:
    with psycopg.connect(url.get_secret_value(), **CONNECT_OPTIONS) as connection:
        row = connection.execute("select to_regclass(%s) is not null", (_TABLE_OF_EVERY_VERSION,)).fetchone()
    return bool(row and row[0])
