"""Authenticates senders by key and checks what they may do; keys are cached against database outages."""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from services.shared.postgres.database import Database, Queries
from services.shared.runtime.errors import Problem

queries = Queries.of_package(__package__)

ANY = "*"
"""Stands for all channels."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A client with a key.

    Attributes:
        name: name of the sender, in every contact.
        policy: policy pack under which its contacts run.
        channels: channels that it may use; `*` for all.
        actions: what it may do, of contacts, commands, read, receipts.
        per_minute: rate limit in messages a minute; None: no limit.

    """

    name: str
    policy: str
    channels: tuple[str, ...]
    actions: tuple[str, ...]
    per_minute: int | None = None

    def require_action(self, action: str) -> None:
        """Check that the key allows an action.

        Raises:
            Problem: 403 when it does not.

        """
        if action not in self.actions:
            raise Problem.about(
                403,
                "The key does not allow this",
                field="Authorization",
                reason="not_allowed",
                what_to_do=f"it allows {', '.join(self.actions)}: ask for a key that allows `{action}`",
            )

    def resolve_channel(self, wanted: str | None) -> str:
        """Return the channel of a contact: the wanted one, or the only one that the key allows.

        Raises:
            Problem: 400 when the channel is missing, 403 when the key does not allow it.

        """
        own = [channel for channel in self.channels if channel != ANY]
        if wanted is None:
            if len(own) == 1:
                return own[0]
            raise _contact_problem(
                "channel", "missing", f"name the channel of the contact, such as {', '.join(own) or 'web'}"
            )
        if ANY not in self.channels and wanted not in own:
            raise Problem.about(
                403,
                "The key does not allow this channel",
                field="channel",
                reason="not_allowed",
                what_to_do=f"it allows {', '.join(own)}, not {wanted}: choose one of these, or ask for another key",
            )
        return wanted


def _contact_problem(field: str, reason: str, message: str) -> Problem:
    return Problem(400, "The contact cannot be used", errors=({"field": field, "reason": reason, "detail": message},))


def hash_key(key: str) -> bytes:
    """Return the stored hash of a key. Keys are long and random, so an unsalted hash is enough."""
    return hashlib.sha256(key.encode()).digest()


def _key_from_header(authorization: str) -> str:
    """Return the key in an Authorization header: a bearer token, or the password of the Basic scheme."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return ""
    return ""


class SenderRegistry:
    """The keys in force, cached in memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_hash: Mapping[bytes, Sender] | None = None

    @property
    def loaded(self) -> bool:
        """Whether the keys have been read since the start; until then no sender can be authenticated."""
        return self._by_hash is not None

    def refresh(self) -> None:
        """Read the keys from the database.

        Raises:
            Retryable: the database is unavailable; the keys read before stay in force.

        """
        with self._database.transaction() as connection:
            rows = connection.execute(queries["senders"]).fetchall()
        self._by_hash = {
            bytes(key_hash): Sender(name, policy, tuple(channels), tuple(actions), per_minute)
            for name, key_hash, policy, channels, actions, per_minute in rows
        }

    def authenticate(self, authorization: str | None) -> Sender:
        """Return the sender of a request.

        Raises:
            Problem: 401 for an unknown key, 503 when the keys have not been read yet.

        """
        if self._by_hash is None:
            raise Problem(
                503, "Not ready", "the senders' keys have not been read yet: try again", headers={"Retry-After": "2"}
            )
        # The key is looked up by its hash, so the time of the lookup reveals nothing about the key.
        key = _key_from_header(authorization or "")
        sender = self._by_hash.get(hash_key(key)) if key else None
        if sender is None:
            raise Problem.about(
                401,
                "Unknown key",
                field="Authorization",
                reason="unknown_key",
                what_to_do="send `Authorization: Bearer <key>`; `duban sender add` makes one",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return sender


def add(
    connection: psycopg.Connection,
    name: str,
    *,
    policy: str,
    channels: list[str],
    actions: list[str],
    key: str | None = None,
    per_minute: int | None = None,
) -> str:
    """Add a sender with a new key and return the key, which is not stored; an older key of the same name ends."""
    key = key or f"duban_{secrets.token_urlsafe(24)}"
    connection.execute(
        queries["add_sender"],
        {"name": name, "key_hash": hash_key(key), "policy": policy, "channels": channels, "actions": actions}
        | {"per_minute": per_minute},
    )
    return key
