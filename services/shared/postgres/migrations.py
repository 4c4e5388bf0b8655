"""Applies the database migrations: numbered SQL files in `deploy/migrations`, once, in order, under a lock."""

from pathlib import Path

from pydantic import SecretStr
from yoyo import get_backend, read_migrations

from services.shared.runtime import package_data

FOLDER = package_data.folder("deploy") / "migrations"


def migrate(url: SecretStr, folder: Path = FOLDER) -> list[str]:
    """Apply the missing migrations and return their names; safe to repeat while the system runs."""
    backend = get_backend(url.get_secret_value().replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        with backend.lock(timeout=60):
            missing = backend.to_apply(read_migrations(str(folder)))
            names = [migration.id for migration in missing]
            backend.apply_migrations(missing)
            return names
    finally:
        backend.connection.close()
