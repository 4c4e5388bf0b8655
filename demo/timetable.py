"""What will be done when, in policy time, and the hands that do it; what was not taken is done again."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import httpx

from services.shared.runtime.clock import Clock
from services.shared.runtime.errors import DubanError

AGAIN = 0.5
"""Real seconds until something that was not taken is done again."""
HANDS = 12


class NotAccepted(Exception):
    """The door did not take it just now."""


class Timetable:
    """Everything that is still to come.

    Attributes:
        clock: policy time.
        retries: how often something was not taken.

    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.retries = 0
        self._pool = ThreadPoolExecutor(max_workers=HANDS, thread_name_prefix="people")
        self._order = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._lock = threading.Lock()
        self._flying = 0
        self._changed = threading.Event()
        self._stopping = threading.Event()

    @property
    def waiting(self) -> int:
        """How much is still to come, or is being done."""
        return len(self._due) + self._flying

    def at(self, when: datetime, what: Callable[[], None]) -> None:
        """Do something at a moment of policy time, or at once when that is over."""
        self._put(time.monotonic() + self.clock.real_seconds(when - self.clock.now()), what)

    def run(self) -> None:
        """Do what is due until told to stop."""
        while not self._stopping.is_set():
            due = []
            with self._lock:
                while self._due and self._due[0][0] <= time.monotonic():
                    due.append(heapq.heappop(self._due)[2])
                self._flying += len(due)
                wait = min(self._due[0][0] - time.monotonic(), 0.2) if self._due else 0.2
            for each in due:
                self._pool.submit(self._do, each)
            self._changed.wait(max(wait, 0.001))
            self._changed.clear()

    def stop(self) -> None:
        """Begin nothing new."""
        self._stopping.set()
        self._changed.set()

    def finish(self) -> None:
        """Wait until what was begun is done; call it after `stop`."""
        self._pool.shutdown(wait=True)

    def _put(self, real: float, what: Callable[[], None]) -> None:
        with self._lock:
            heapq.heappush(self._due, (real, next(self._order), what))
        self._changed.set()

    def _do(self, what: Callable[[], None]) -> None:
        try:
            what()
        except (httpx.HTTPError, DubanError, NotAccepted):
            # The door was closed for a moment: people try again.
            if not self._stopping.is_set():
                self.retries += 1
                self._put(time.monotonic() + AGAIN, what)
        finally:
            with self._lock:
                self._flying -= 1
