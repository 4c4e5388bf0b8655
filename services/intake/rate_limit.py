"""Rate limits of senders: a token bucket per sender, filled at the sender's rate and shared by all doors.

A door counts in memory, so that no request waits for the database, and settles with the other doors every second. While
the database is away, each door limits alone.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import psycopg

from services.intake.queries import queries

BURST = 10.0
"""Seconds of its rate that a sender may use at once."""


@dataclass(slots=True)
class _Bucket:
    """A bucket as this door sees it.

    Attributes:
        level: tokens in it.
        at: real time of the level, by the limiter's clock.
        rate, capacity: tokens per second, and at most.
        unsettled: tokens that were taken here and that the other doors do not know of yet.

    """

    level: float
    at: float
    rate: float
    capacity: float
    unsettled: float = 0.0

    def refill(self, now: float) -> None:
        """Add the tokens that have come since."""
        self.level = min(self.capacity, self.level + (now - self.at) * self.rate)
        self.at = now


@dataclass(frozen=True, slots=True)
class BucketUse:
    """What a door took from a bucket since it last settled."""

    name: str
    used: float
    rate: float
    capacity: float


class RateLimiter:
    """The token buckets of all senders, in real time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # The HTTP door, the SMTP door and the settling run in different threads.
        self._lock = threading.Lock()
        self._buckets: dict[str, _Bucket] = {}

    def take(self, sender: str, per_minute: int | None, count: int) -> float:
        """Take `count` messages from a sender's bucket; a count of 0 checks whether one message is allowed.

        Returns:
            0 when they are allowed, else the seconds to wait; nothing is taken then. A batch larger than the bucket is
            allowed when the bucket is full, and leaves it negative.

        """
        if per_minute is None:
            return 0.0
        rate = per_minute / 60
        capacity = max(1.0, rate * BURST)
        wanted = min(float(max(count, 1)), capacity)
        with self._lock:
            now = self._clock()
            bucket = self._buckets.setdefault(sender, _Bucket(capacity, now, rate, capacity))
            bucket.rate, bucket.capacity = rate, capacity
            bucket.refill(now)
            if bucket.level < wanted:
                return (wanted - bucket.level) / rate
            bucket.level -= count
            bucket.unsettled += count
        return 0.0

    def uses(self) -> list[BucketUse]:
        """Return what was taken from each bucket since it was last settled, and buckets that others may have used."""
        with self._lock:
            now = self._clock()
            found = []
            for name, bucket in self._buckets.items():
                bucket.refill(now)
                if bucket.unsettled or bucket.level < bucket.capacity:
                    found.append(BucketUse(name, bucket.unsettled, bucket.rate, bucket.capacity))
            return found

    def settle(self, uses: Iterable[BucketUse], levels: Mapping[str, float]) -> None:
        """Take over the common levels of buckets, of which `uses` are a part; what was taken since counts as well."""
        with self._lock:
            now = self._clock()
            for use in uses:
                bucket = self._buckets[use.name]
                bucket.unsettled -= use.used
                bucket.level, bucket.at = levels[use.name] - bucket.unsettled, now


def settle(limiter: RateLimiter, connection: psycopg.Connection) -> None:
    """Settle a door's limits with those of the other doors; the caller commits, and calls again after an error."""
    uses = limiter.uses()
    if not uses:
        return
    # In one order, so that two doors do not wait for each other.
    uses.sort(key=lambda use: use.name)
    rows = connection.execute(
        queries["settle_rates"],
        {
            "names": [use.name for use in uses],
            "used": [use.used for use in uses],
            "rates": [use.rate for use in uses],
            "capacities": [use.capacity for use in uses],
        },
    ).fetchall()
    limiter.settle(uses, dict(rows))
