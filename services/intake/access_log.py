"""The record of who read which ticket (R5.6, promise 7): who, what, when and why; never the data that was read."""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import psycopg
from pydantic import SecretStr

from services.domain.privacy.masking import mask_text
from services.intake.queries import queries
from services.shared.postgres.database import Database
from services.shared.runtime.errors import Retryable

Fields = Literal["masked", "personal"]
"""Whether the personal fields were masked or shown."""
Sought = Literal["number", "phone", "identity", "reference", "list", "call"]
"""By what tickets were found."""
COMMAND_LINE = "duban"
"""Stands for the key of whoever reads by the command line, with the rights of the database's owner."""


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """One reading.

    Attributes:
        key: name of the sender by whose key it was; `COMMAND_LINE` for the command line.
        person: who read, if the key named somebody.
        route: the route or command: ticket, tickets, contact, callbacks, callback, ticket show.
        sought: by what the tickets were found.
        tickets: numbers of the tickets that were shown.
        fields: masked or personal.
        purpose: why, in the reader's words; numbers and addresses in it are masked when it is written.
        digest: of what was searched for, as `search_digest` returns it.

    """

    key: str
    person: str | None
    route: str
    sought: Sought
    tickets: tuple[str, ...]
    fields: Fields
    purpose: str | None = None
    digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class StoredAccess:
    """A reading as it was recorded; `at` is real time in UTC."""

    at: datetime
    key: str
    person: str | None
    route: str
    sought: str
    tickets: tuple[str, ...]
    fields: str
    purpose: str | None


@dataclass(frozen=True, slots=True)
class AccessFilter:
    """Which readings to list; None: any.

    Attributes:
        since, until: real time, `until` is not included.
        digest: of a phone or identity that was searched for.
        limit: at most so many, the latest.

    """

    ticket: str | None = None
    key: str | None = None
    person: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    digest: bytes | None = None
    limit: int = 1000


def search_digest(kind: Literal["phone", "identity"], value: str, secret: SecretStr) -> bytes:
    """Return the keyed hash of a searched value, by which an investigation finds a search for a value that it knows.

    Args:
        kind: what it is.
        value: a phone as E.164, or an identity.
        secret: `contact_key_secret` of the deployment.

    """
    return hmac.digest(secret.get_secret_value().encode(), f"access/{kind}/{value}".encode(), hashlib.sha256)


def write(database: Database, record: AccessRecord) -> None:
    """Record a reading; what was read is served only after this.

    Raises:
        Retryable: it cannot be recorded, so nothing may be shown.

    """
    try:
        with database.transaction() as connection:
            insert(connection, record)
    except psycopg.Error as error:
        raise Retryable(f"the reading cannot be recorded ({type(error).__name__})") from error


def insert(connection: psycopg.Connection, record: AccessRecord) -> None:
    """Record a reading; the caller commits before anything is shown."""
    parameters = {
        "key": record.key,
        "person": record.person,
        "route": record.route,
        "sought": record.sought,
        "digest": record.digest,
        "tickets": list(record.tickets),
        "fields": record.fields,
        "purpose": mask_text(record.purpose) if record.purpose is not None else None,
    }
    connection.execute(queries["write_access"], parameters)


def load(connection: psycopg.Connection, wanted: AccessFilter) -> Iterator[StoredAccess]:
    """Yield the latest readings of a kind, the earliest of them first."""
    parameters = {
        "ticket": wanted.ticket,
        "key": wanted.key,
        "person": wanted.person,
        "since": wanted.since,
        "until": wanted.until,
        "digest": wanted.digest,
        "limit": wanted.limit,
    }
    for at, key, person, route, sought, tickets, fields, purpose in reversed(
        connection.execute(queries["load_access"], parameters).fetchall()
    ):
        yield StoredAccess(at, key, person, route, sought, tuple(tickets), fields, purpose)


def delete_expired(database: Database, retention: timedelta) -> int:
    """Delete what has outlived its retention, some of it at a time; returns how many records were deleted.

    Args:
        database: of intake.
        retention: how long readings are kept; less than 180 days counts as 180.

    Raises:
        Retryable: the database is unavailable.

    """
    with database.transaction() as connection:
        row = connection.execute(queries["delete_access"], {"keep": retention}).fetchone()
    return int(row[0]) if row is not None else 0
