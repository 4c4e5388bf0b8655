"""Which version of a pack is in force, and the rows behind it."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

import psycopg
from psycopg.types.json import Jsonb

from services.domain.policy import loading
from services.domain.policy.loading import PolicyError
from services.domain.policy.pack import Pack
from services.shared.postgres.database import Database, Queries
from services.shared.runtime.clock import Clock

queries = Queries.of_package(__package__)

LOOK_EVERY = 1.0
"""Real seconds between two looks for new versions."""
LEAD = 5.0
"""Real seconds from the writing of a version until it is in force, so that every service has seen it by then."""


@dataclass(frozen=True)
class PackVersion:
    """One version of a pack.

    Attributes:
        files: the texts of the pack's files by name, with the calendars it uses.
        in_force_from: business time; None: since ever.

    """

    id: int
    pack: str
    revision: str
    files: Mapping[str, str]
    in_force_from: datetime | None
    applied_at: datetime
    applied_by: str
    note: str

    @cached_property
    def policy(self) -> Pack:
        """The pack; raises PolicyError when this version of the program cannot read it."""
        return loading.from_files(self.pack, self.files)


def load(connection: psycopg.Connection, known: int = 0) -> list[PackVersion]:
    """Return the versions that were written after a known one, in order."""
    rows = connection.execute(queries["newer"], {"known": known}).fetchall()
    return [PackVersion(id_, pack, revision, json.loads(files), *rest) for id_, pack, revision, files, *rest in rows]


def in_force(versions: Iterable[PackVersion], pack: str, at: datetime) -> PackVersion | None:
    """Return the version of a pack that is in force at an instant of business time."""
    mine = [each for each in versions if each.pack == pack]
    now = [each for each in mine if each.in_force_from is None or each.in_force_from <= at]
    return max(now, key=lambda each: (each.in_force_from is not None, each.in_force_from or at, each.id), default=None)


def seed(connection: psycopg.Connection, folder: Path) -> None:
    """Write the first version of every pack of a folder that has none yet.

    Raises:
        PolicyError: the folder holds no pack, or a file of one is missing.

    """
    names = loading.pack_names(folder)
    if not names:
        raise PolicyError(loading.no_packs_message(folder))
    for name in names:
        files = loading.read_files(folder, name)
        told = {"pack": name, "revision": loading.revision(files), "files": Jsonb(files)}
        connection.execute(queries["seed"], told)
    connection.commit()


def write(
    connection: psycopg.Connection, pack: str, files: Mapping[str, str], *, at: datetime, by: str, note: str
) -> None:
    """Write a version that is in force from an instant of business time on."""
    connection.execute(queries["lock"])
    told = {"pack": pack, "revision": loading.revision(files), "files": Jsonb(dict(files)), "in_force_from": at}
    connection.execute(queries["insert"], {**told, "applied_by": by, "note": note})


class PolicyRegistry(Mapping[str, Pack]):
    """The packs in force now. Looks for new versions by itself."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._versions: dict[str, list[PackVersion]] = {}
        self._known = 0
        self._next = 0.0

    def _look(self) -> dict[str, list[PackVersion]]:
        """Return every version by its pack; raises Retryable when the database is away."""
        if time.monotonic() >= self._next:
            with self._database.transaction() as connection:
                for each in load(connection, self._known):
                    self._versions.setdefault(each.pack, []).append(each)
                    self._known = each.id
            self._next = time.monotonic() + LOOK_EVERY
        return self._versions

    def __getitem__(self, name: str) -> Pack:
        found = in_force(self._look().get(name, ()), name, self._clock.now())
        if found is None:
            raise KeyError(name)
        return found.policy

    def __iter__(self) -> Iterator[str]:
        return iter(self._look())

    def __len__(self) -> int:
        return len(self._look())
