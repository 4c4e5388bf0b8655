"""Authenticates senders by key and says what they may do (DECISIONS 35); keys are cached against database outages."""

import base64
import binascii
import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from schemas.command import Authority
from services.domain.authority.judge import CALLBACK_ROLE
from services.domain.authority.reach import ANY, covers
from services.intake import problems
from services.intake.queries import queries
from services.shared.kafka import bars
from services.shared.kafka.bars import Bar
from services.shared.postgres.database import Database
from services.shared.runtime.clock import SystemClock
from services.shared.runtime.errors import Problem

PORTAL_ROLE: Final = "portal"
"""Role of a key that speaks for signed-in customers of its own channels."""
ROLES: Final = (CALLBACK_ROLE, PORTAL_ROLE)
"""Roles that a key may have."""
ACTIONS: Final = ("contacts", "commands", "read", "search", "personal", "receipts")
"""What a key may do at the doors."""
CHANNEL_TOPICS: Final = "channel."
"""Prefix of the topics with messages in a channel's own format; the channel's name follows."""
_NUMBER: Final = re.compile(r"[0-9]{5}")
LAST_USE_INTERVAL: Final = timedelta(minutes=1)
"""Real time between two notes of a key's last use."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A client with a key.

    Attributes:
        name: name of the sender, in every contact and on every command.
        packs: policy packs that it reaches, `*` for all; its contacts run under the first.
        channels: channels that it may use; `*` for all.
        actions: what it may do at the doors, of `ACTIONS`.
        units: units that it acts for; `*` for all.
        roles: of `ROLES`.
        may: actions that it may take on tickets; empty: every action that its units may.
        level: level of authority to compensate, for persons whom the pack does not name (R3.6).
        persons: persons that it may act as; empty: any person, whom each command names.
        expires_at: real time from which none of its keys is valid; None: never.
        per_minute: rate limit in messages a minute; None: no limit.

    """

    name: str
    packs: tuple[str, ...]
    channels: tuple[str, ...]
    actions: tuple[str, ...]
    units: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    level: str | None = None
    persons: tuple[str, ...] = ()
    expires_at: datetime | None = None
    per_minute: int | None = None

    @property
    def policy(self) -> str:
        """The policy pack under which its contacts run."""
        return self.packs[0]

    @property
    def authority(self) -> Authority:
        """How far the key reaches, as it stands on the commands that come by it."""
        return Authority(
            packs=self.packs,
            units=self.units,
            channels=self.channels,
            roles=self.roles,
            actions=self.may,
            level=self.level,
        )

    @property
    def is_portal(self) -> bool:
        """Whether it speaks for signed-in customers."""
        return PORTAL_ROLE in self.roles

    def reaches_pack(self, pack: str | None) -> bool:
        """Return whether tickets of a pack exist for this key."""
        return pack is not None and covers(self.packs, pack)

    def require_action(self, action: str) -> None:
        """Check that the key allows an action.

        Raises:
            Problem: 403 when it does not.

        """
        if action not in self.actions:
            raise problems.forbidden(
                "Authorization",
                f"it allows {', '.join(self.actions)}: ask for a key that allows `{action}`",
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
        if not covers(self.channels, wanted):
            raise problems.forbidden(
                "channel",
                f"it allows {', '.join(own)}, not {wanted}: choose one of these, or ask for another key",
                title="The key does not allow this channel",
            )
        if wanted not in own and _NUMBER.search(wanted):
            # Channels are labels of metrics and stand in logs, where a customer's number must not.
            raise _contact_problem("channel", "bad_schema", "a channel has a name, such as web: no number of anybody")
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


@dataclass(frozen=True, slots=True)
class _Key:
    """A key in force; `valid_until`: real time at which its overlap with the key that replaced it ends."""

    sender: Sender
    valid_until: datetime | None


_REAL: Final = SystemClock()


class SenderRegistry:
    """The keys in force, cached in memory.

    Args:
        database: where they are stored.
        now: returns the real time in UTC, by which keys expire.

    """

    def __init__(self, database: Database, now: Callable[[], datetime] = _REAL.now) -> None:
        self._database = database
        self._now = now
        self._by_hash: Mapping[bytes, _Key] | None = None
        self._bars: Mapping[str, Bar] = {}
        self._used: dict[bytes, datetime] = {}
        self._saved: dict[bytes, datetime] = {}

    @property
    def loaded(self) -> bool:
        """Whether the keys have been read since the start; until then no sender can be authenticated."""
        return self._by_hash is not None

    def refresh(self) -> None:
        """Read the keys and bars from the database.

        Raises:
            Retryable: the database is unavailable; the keys read before stay in force.

        """
        with self._database.transaction() as connection:
            rows = connection.execute(queries["senders"]).fetchall()
            in_force = bars.in_force(connection)
        self._by_hash = {bytes(hash_): _Key(sender_of(name, *rest), until) for name, hash_, until, *rest in rows}
        # Whoever writes to a channel's topic passes no door.
        self._bars = {bar.sender: bar for bar in in_force if not bar.topic.startswith(CHANNEL_TOPICS)}

    def require_not_barred(self, name: str) -> None:
        """Check that a sender is not barred because of its dead letters (DECISIONS 41).

        Raises:
            Problem: 429 with Retry-After until the bar ends.

        """
        bar = self._bars.get(name)
        seconds = (bar.until - self._now()).total_seconds() if bar is not None else 0.0
        if bar is not None and seconds > 0:
            raise Problem.about(
                429,
                "The sender is barred",
                field="Authorization",
                reason="barred",
                what_to_do=f"{name} had {bar.dead_letters} unusable records within an hour: mend what it sends, and "
                "ask an operator for `duban sender unbar`, or try again later",
                headers={"Retry-After": str(math.ceil(seconds))},
            )

    def save_last_used(self) -> None:
        """Write when each key was last used, of each at most once a minute; called by a thread of its own.

        Raises:
            Retryable: the database is unavailable; the next call writes it.

        """
        due = {
            hash_: at
            for hash_, at in self._used.copy().items()
            if hash_ not in self._saved or at - self._saved[hash_] >= LAST_USE_INTERVAL
        }
        if not due:
            return
        with self._database.transaction() as connection:
            connection.execute(queries["save_last_used"], {"hashes": list(due), "times": list(due.values())})
        self._saved |= due

    def authenticate(self, authorization: str | None) -> Sender:
        """Return the sender of a request.

        Raises:
            Problem: 401 for an unknown or expired key, 503 when the keys have not been read yet.

        """
        if self._by_hash is None:
            raise Problem(
                503, "Not ready", "the senders' keys have not been read yet: try again", headers={"Retry-After": "2"}
            )
        # The key is looked up by its hash, so the time of the lookup reveals nothing about the key.
        text = _key_from_header(authorization or "")
        hash_ = hash_key(text)
        key = self._by_hash.get(hash_) if text else None
        if key is None:
            raise _unauthorised(
                "Unknown key", "unknown_key", "send `Authorization: Bearer <key>`; `duban sender add` makes one"
            )
        now = self._now()
        if key.sender.expires_at is not None and now >= key.sender.expires_at:
            raise _unauthorised(
                "The key has expired",
                "expired_key",
                f"the keys of {key.sender.name} ended on {key.sender.expires_at:%Y-%m-%d}: ask for a longer validity, "
                "`duban sender change --expires` gives it",
            )
        if key.valid_until is not None and now >= key.valid_until:
            raise _unauthorised(
                "The key was replaced", "expired_key", f"use the new key of {key.sender.name}; this one has ended"
            )
        self._used[hash_] = now
        return key.sender


def sender_of(
    name: str,
    packs: list[str],
    policy: str,
    channels: list[str],
    actions: list[str],
    units: list[str],
    roles: list[str],
    may: list[str],
    level: str | None,
    persons: list[str],
    per_minute: int | None,
    expires_at: datetime | None,
) -> Sender:
    """Return the sender of a row of the database; one that an earlier version has made has a policy, but no packs."""
    return Sender(
        name,
        tuple(packs) or (policy,),
        tuple(channels),
        tuple(actions),
        tuple(units),
        tuple(roles),
        tuple(may),
        level,
        tuple(persons),
        expires_at,
        per_minute,
    )


def _unauthorised(title: str, reason: str, what_to_do: str) -> Problem:
    return Problem.about(
        401,
        title,
        field="Authorization",
        reason=reason,
        what_to_do=what_to_do,
        headers={"WWW-Authenticate": "Bearer"},
    )
