"""How much a sender may send: a bucket of tokens for each, filled at the sender's rate."""

import threading
import time
from collections.abc import Callable

BURST = 10.0
"""Seconds of its rate that a sender may send at once."""


class RateLimiter:
    """The buckets of all senders, in real time; each intake process has its own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # The doors of HTTP and of mail have threads of their own.
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, sender: str, per_minute: int | None, count: int) -> float:
        """Take `count` messages out of a sender's bucket; 0 only asks whether one may pass.

        Returns:
            0 when they may pass, else the seconds after which they may; nothing is taken then. A batch that is larger
            than the bucket passes when the bucket is full, and leaves a debt.

        """
        if per_minute is None:
            return 0.0
        rate = per_minute / 60
        most = max(1.0, rate * BURST)
        wanted = min(float(max(count, 1)), most)
        with self._lock:
            now = self._clock()
            level, at = self._buckets.get(sender, (most, now))
            level = min(most, level + (now - at) * rate)
            enough = level >= wanted
            self._buckets[sender] = (level - count if enough else level, now)
        return 0.0 if enough else (wanted - level) / rate
