"""Makes, changes, rotates and revokes the keys of senders, for `duban sender`; the doors only read them."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from services.intake.queries import queries
from services.intake.senders import Sender, hash_key, sender_of

PREFIX = "duban_"
"""Beginning of every key, so that a key that has got somewhere is found."""


@dataclass(frozen=True, slots=True)
class SenderRecord:
    """A sender as it is stored; all times are real.

    Attributes:
        last_used_at: when any of its keys was used last, to the minute; None: never.

    """

    sender: Sender
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as it is stored; all times are real.

    Attributes:
        valid_until: end of its overlap with the key that replaced it; None for the present key.
        present: whether it is the sender's present key.

    """

    created_at: datetime
    valid_until: datetime | None
    last_used_at: datetime | None
    present: bool


def add(connection: psycopg.Connection, sender: Sender, *, key: str | None = None) -> str:
    """Add a sender with a new key and return the key, which is not stored; older keys of the same name end.

    Args:
        connection: the caller commits.
        sender: its rights have been checked (`services.intake.sender_rights`).
        key: the key, for a system that keeps its own; None makes one.

    """
    key = key or _new_key()
    parameters = {"name": sender.name, "key_hash": hash_key(key)}
    connection.execute(queries["add_sender"], _columns(sender) | parameters)
    connection.execute(queries["end_keys"], parameters)
    connection.execute(queries["add_key"], parameters)
    return key


def change(connection: psycopg.Connection, sender: Sender) -> bool:
    """Replace the rights of a sender, whose keys stay; returns whether there is a sender of that name with a key."""
    return connection.execute(queries["change_sender"], _columns(sender) | {"name": sender.name}).rowcount == 1


def rotate(connection: psycopg.Connection, name: str, overlap: timedelta) -> str | None:
    """Give a sender a new key and return it; None when there is no sender of that name with a key.

    Args:
        connection: the caller commits.
        name: of the sender.
        overlap: real time for which the present key is valid as well.

    """
    key = _new_key()
    parameters = {"name": name, "key_hash": hash_key(key), "overlap": overlap}
    if connection.execute(queries["overlap_key"], parameters).rowcount == 0:
        return None
    connection.execute(queries["replace_key"], parameters)
    connection.execute(queries["add_key"], parameters)
    return key


def revoke(connection: psycopg.Connection, name: str) -> bool:
    """End all keys of a sender; returns whether there was a sender of that name with a key."""
    return connection.execute(queries["revoke_sender"], {"name": name}).rowcount == 1


def stored(connection: psycopg.Connection, name: str | None = None) -> Iterator[SenderRecord]:
    """Yield the senders by name, revoked ones too; only the one of a name if it is given."""
    for row in connection.execute(queries["all_senders"], {"name": name}).fetchall():
        *columns, created_at, revoked_at, last_used_at = row
        yield SenderRecord(sender_of(*columns), created_at, revoked_at, last_used_at)


def keys_of(connection: psycopg.Connection, name: str) -> list[KeyRecord]:
    """Return the keys of a sender, the oldest first."""
    return [KeyRecord(*row) for row in connection.execute(queries["keys_of_sender"], {"name": name}).fetchall()]


def _new_key() -> str:
    return f"{PREFIX}{secrets.token_urlsafe(24)}"


def _columns(sender: Sender) -> dict[str, Any]:
    return {
        "policy": sender.policy,
        "packs": list(sender.packs),
        "channels": list(sender.channels),
        "actions": list(sender.actions),
        "units": list(sender.units),
        "roles": list(sender.roles),
        "may": list(sender.may),
        "level": sender.level,
        "persons": list(sender.persons),
        "per_minute": sender.per_minute,
        "expires_at": sender.expires_at,
    }
