"""Who may put contacts and commands in and read answers out, by key; kept in memory for when PostgreSQL is away."""

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


@dataclass(frozen=True, slots=True)
class Sender:
    """Somebody with a key.

    Attributes:
        name: stands in every contact.
        policy: pack under which the contacts run.
        channels: which it may use; `*` for all.
        actions: contacts, commands, read, receipts.
        per_minute: messages it may send in a minute; None: any number.

    """

    name: str
    policy: str
    channels: tuple[str, ...]
    actions: tuple[str, ...]
    per_minute: int | None = None

    def require_action(self, action: str) -> None:
        """Refuse what the key does not allow.

        Raises:
            Problem: 403.

        """
        if action not in self.actions:
            raise Problem.about(
                403,
                "The key does not allow this",
                field="Authorization",
                reason="not_allowed",
                what_to_do=f"it allows {', '.join(self.actions)}; `{action}` is needed: ask for it",
            )

    def resolve_channel(self, wanted: str | None) -> str:
        """Return the channel of a contact: the wanted one, or the key's only one.

        Raises:
            Problem: 400 or 403.

        """
        own = [each for each in self.channels if each != ANY]
        if wanted is None:
            if len(own) == 1:
                return own[0]
            raise _contact_problem(
                "channel", "missing", f"say on which channel the contact came, such as {', '.join(own) or 'web'}"
            )
        if ANY not in self.channels and wanted not in own:
            raise Problem.about(
                403,
                "The key does not allow this channel",
                field="channel",
                reason="not_allowed",
                what_to_do=f"it allows {', '.join(own)}, not {wanted}: send it there, or ask for another key",
            )
        return wanted


def _contact_problem(field: str, reason: str, message: str) -> Problem:
    return Problem(400, "The contact cannot be used", errors=({"field": field, "reason": reason, "detail": message},))


def hash_key(key: str) -> bytes:
    """Return what is stored of a key. Keys are long and random, so a plain hash is enough."""
    return hashlib.sha256(key.encode()).digest()


def _key_from_header(authorization: str) -> str:
    """Return the key of a request: a bearer's, or the password of a sender that knows only the basic scheme."""
    scheme, _, told = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return told.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(told, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return ""
    return ""


class SenderRegistry:
    """The keys that are in force."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_hash: Mapping[bytes, Sender] | None = None

    @property
    def loaded(self) -> bool:
        """Whether the keys were read since the start; without them nobody can be let in."""
        return self._by_hash is not None

    def refresh(self) -> None:
        """Read the keys anew.

        Raises:
            Retryable: the database is away; the keys read before stay in force.

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
            Problem: 401, or 503 when the keys are not known yet.

        """
        if self._by_hash is None:
            raise Problem(
                503, "Not ready", "the senders' keys have not been read yet: try again", headers={"Retry-After": "2"}
            )
        # The key is looked up by its digest, so how long that takes says nothing of the key.
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
    """Give a sender a new key and return it; it is shown only now. An older key of the same name ends."""
    key = key or f"duban_{secrets.token_urlsafe(24)}"
    connection.execute(
        queries["add_sender"],
        {"name": name, "key_hash": hash_key(key), "policy": policy, "channels": channels, "actions": actions}
        | {"per_minute": per_minute},
    )
    return key
