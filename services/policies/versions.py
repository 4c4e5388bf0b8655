"""Versions of policy packs in PostgreSQL, and which of them is in force."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from threading import Lock

import psycopg
from psycopg.types.json import Jsonb

from services.domain.policy import loading
from services.domain.policy.base import PolicyError
from services.domain.policy.forms import FORM_VERSION
from services.domain.policy.pack import Pack
from services.shared.postgres.database import Database, Queries
from services.shared.runtime.clock import Clock
from services.shared.runtime.errors import Retryable

queries = Queries.of_package(__package__)

POLL_INTERVAL = 1.0
"""Real seconds between two searches for new versions."""
LEAD = 5.0
"""Real seconds from writing a version until it is in force; by then every service has loaded it."""


@dataclass(frozen=True)
class PackVersion:
    """One version of a pack.

    Attributes:
        form_version: the form in which the files are written (see `services.domain.policy.forms`).
        files: the texts of the pack's files, by name, with its calendars and the shared notices.
        in_force_from: business time; None for the first version.

    """

    id: int
    pack: str
    revision: str
    form_version: int
    files: Mapping[str, str]
    in_force_from: datetime | None
    applied_at: datetime
    applied_by: str
    note: str

    @cached_property
    def policy(self) -> Pack:
        """The pack.

        Raises:
            PolicyError: this version of Duban cannot read it.

        """
        return loading.from_version(self.pack, self.files, self.form_version)

    @property
    def label(self) -> str:
        """The version as people read it; its revision alone if this version of Duban cannot read it."""
        try:
            return self.policy.reference.version
        except PolicyError:
            return f"+{self.revision} (form {self.form_version})"


def load(connection: psycopg.Connection, known: int = 0) -> list[PackVersion]:
    """Return the versions that were written after the one with a known id, in order."""
    rows = connection.execute(queries["newer"], {"known": known}).fetchall()
    return [
        PackVersion(id_, pack, revision, form_version, json.loads(files), *rest)
        for id_, pack, revision, form_version, files, *rest in rows
    ]


def in_force(versions: Iterable[PackVersion], pack: str, at: datetime) -> PackVersion | None:
    """Return the version of a pack that is in force at an instant of business time."""
    begun = [
        version
        for version in versions
        if version.pack == pack and (version.in_force_from is None or version.in_force_from <= at)
    ]
    return max(begun, key=lambda version: _rank(version, at), default=None)


def _rank(version: PackVersion, at: datetime) -> tuple[bool, datetime, int]:
    """Return by what versions are compared: the latest counts, of two at once the one written last."""
    return (version.in_force_from is not None, version.in_force_from or at, version.id)


def seed(connection: psycopg.Connection, folder: Path) -> None:
    """Write a first version of every pack in a folder that has none in the database yet.

    Raises:
        PolicyError: the folder holds no pack, or a file of one is missing.

    """
    names = loading.pack_names(folder)
    if not names:
        raise PolicyError(loading.no_packs_message(folder))
    for name in names:
        files = loading.read_files(folder, name)
        row = {"pack": name, "revision": loading.revision(files), "form_version": FORM_VERSION, "files": Jsonb(files)}
        connection.execute(queries["seed"], row)
    connection.commit()


def write(
    connection: psycopg.Connection,
    pack: str,
    files: Mapping[str, str],
    *,
    at: datetime,
    by: str,
    note: str,
    form_version: int = FORM_VERSION,
) -> None:
    """Write a version of a pack.

    Args:
        connection: the caller commits.
        pack: its name.
        files: the texts of its files, by name.
        at: business time from which it is in force.
        by: who wrote it.
        note: why.
        form_version: the form in which the files are written.

    """
    connection.execute(queries["lock"])
    row = {"pack": pack, "revision": loading.revision(files), "form_version": form_version, "files": Jsonb(dict(files))}
    connection.execute(queries["insert"], {**row, "in_force_from": at, "applied_by": by, "note": note})


class PolicyRegistry(Mapping[str, Pack]):
    """The packs that are in force now, by name; loads new versions from the database when it is read."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._versions: dict[str, list[PackVersion]] = {}
        self._last_id = 0
        self._next_poll = 0.0
        self._lock = Lock()

    def _load_new(self) -> dict[str, list[PackVersion]]:
        """Return all versions by pack, including new ones.

        Raises:
            Retryable: the database is not available.

        """
        # Requests at a door ask from several threads.
        with self._lock:
            if time.monotonic() >= self._next_poll:
                with self._database.transaction() as connection:
                    for version in load(connection, self._last_id):
                        self._versions.setdefault(version.pack, []).append(version)
                        self._last_id = version.id
                self._next_poll = time.monotonic() + POLL_INTERVAL
            return self._versions

    def __getitem__(self, name: str) -> Pack:
        """Return the pack that is in force.

        Raises:
            KeyError: there is no such pack.
            Retryable: the database is not available, or this version of Duban cannot read the pack: its records wait
                until it is upgraded, too, or another version of the pack is in force.

        """
        version = in_force(self._load_new().get(name, ()), name, self._clock.now())
        if version is None:
            raise KeyError(name)
        try:
            return version.policy
        except PolicyError as error:
            raise Retryable(f"the version of the policy in force cannot be read: {error}") from error

    def __contains__(self, name: object) -> bool:
        """Whether there is such a pack, even if this version of Duban cannot read it.

        Raises:
            Retryable: the database is not available.

        """
        return name in self._load_new()

    def __iter__(self) -> Iterator[str]:
        return iter(self._load_new())

    def __len__(self) -> int:
        return len(self._load_new())
