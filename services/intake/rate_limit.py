"""Rate limits of senders: a token bucket per sender, filled at the sender's rate."""

import threading
import time
from collections.abc import Callable

BURST = 10.0
"""Seconds of its rate that a sender may use at once."""


class RateLimiter:
    """The token buckets of all senders, in real time; each intake process has its own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # The HTTP door and the SMTP door run in different threads.
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}

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
            level, at = self._buckets.get(sender, (capacity, now))
            level = min(capacity, level + (now - at) * rate)
            enough = level >= wanted
            self._buckets[sender] = (level - count if enough else level, now)
        return 0.0 if enough else (wanted - level) / rate
