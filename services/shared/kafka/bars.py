"""Bars senders whose records became too many dead letters: theirs are not processed, everybody else's go on.

A bar holds for one sender on one topic for an hour, or until an operator lifts it (DECISIONS 41). It is stored, so that
a restart does not lift it and every process applies it.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from services.shared.observability import logs
from services.shared.postgres.database import Queries

BAR_HOURS = 1
"""Real hours after which a bar ends by itself."""
REFRESH_SECONDS = 3.0
"""Real seconds between two looks at which bars are stored."""
LOG_SECONDS = 3600.0
"""Real seconds between two log lines about the records of a barred sender."""

queries = Queries.of_package(__package__)
log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Bar:
    """A sender whose records on a topic are not processed; times are real, in UTC.

    Attributes:
        dead_letters: that it had within the hour before.

    """

    sender: str
    topic: str
    since: datetime
    until: datetime
    dead_letters: int


def in_force(connection: psycopg.Connection[Any]) -> list[Bar]:
    """Return the bars that have neither ended nor been lifted, the oldest first."""
    return [Bar(*row) for row in connection.execute(queries["bars"]).fetchall()]


def lift(connection: psycopg.Connection[Any], sender: str) -> int:
    """End all bars of a sender, whose dead letters until now count no more; returns how many there were.

    The caller commits.
    """
    return connection.execute(queries["lift_bars"], {"sender": sender}).rowcount


class BarList:
    """The bars in force as one consumer knows them, a few seconds old at most.

    Args:
        monotonic: real time in seconds.

    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._bars: frozenset[tuple[str, str]] = frozenset()
        self._next_refresh = 0.0
        self._counts: dict[tuple[str, str], int] = {}
        self._logged: dict[tuple[str, str], float] = {}

    def refresh(self, connection: psycopg.Connection[Any]) -> None:
        """Read the bars if that is due; runs in the caller's transaction."""
        if self._monotonic() >= self._next_refresh:
            self._bars = frozenset((bar.sender, bar.topic) for bar in in_force(connection))
            self._next_refresh = self._monotonic() + REFRESH_SECONDS

    @property
    def any(self) -> bool:
        """Whether there is any bar."""
        return bool(self._bars)

    def barred(self, sender: str, topic: str) -> bool:
        """Return whether the records of a sender on a topic are not to be processed."""
        return (sender, topic) in self._bars

    def add(self, bars: Iterable[Bar]) -> None:
        """Apply bars that were stored just now, and log each: it is an alert for operators."""
        for bar in bars:
            self._bars |= {(bar.sender, bar.topic)}
            log.error(
                "sender_barred",
                sender=bar.sender,
                topic=bar.topic,
                dead_letters=bar.dead_letters,
                until=bar.until.isoformat(timespec="seconds"),
                what_to_do="mend the sender, then `duban sender unbar`; `duban dlq list` shows its records",
            )

    def log_dead_letter(self, sender: str, topic: str) -> bool:
        """Count a dead letter; returns whether to log it: of a barred sender there is one line each hour."""
        where = (sender, topic)
        if where not in self._bars:
            return True
        self._counts[where] = self._counts.get(where, 0) + 1
        now = self._monotonic()
        if now - self._logged.get(where, -LOG_SECONDS) >= LOG_SECONDS:
            log.warning("barred_records", sender=sender, topic=topic, dead_letters=self._counts.pop(where))
            self._logged[where] = now
        return False
