"""Runs tasks at moments of policy time, and retries those that the system did not accept."""

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

RETRY_AFTER = 0.5
"""Real seconds until a task that was not accepted is retried."""
WORKERS = 12
"""Tasks that run at the same time, at most."""


class NotAccepted(Exception):
    """The system did not accept a request now; the task is retried."""


class TaskScheduler:
    """Tasks in order of time, run by a pool of threads.

    Attributes:
        clock: source of policy time.
        retries: number of retries so far.

    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.retries = 0
        self._pool = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="demo-task")
        self._order = itertools.count()
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._lock = threading.Lock()
        self._running = 0
        self._changed = threading.Event()
        self._stopping = threading.Event()

    @property
    def pending(self) -> int:
        """Number of tasks that wait or run."""
        return len(self._queue) + self._running

    def schedule(self, at: datetime, task: Callable[[], None]) -> None:
        """Run a task at a moment of policy time, or at once if that moment has passed."""
        self._push(time.monotonic() + self.clock.real_seconds(at - self.clock.now()), task)

    def run(self) -> None:
        """Start due tasks until `stop` is called."""
        while not self._stopping.is_set():
            due = []
            with self._lock:
                while self._queue and self._queue[0][0] <= time.monotonic():
                    due.append(heapq.heappop(self._queue)[2])
                self._running += len(due)
                wait = min(self._queue[0][0] - time.monotonic(), 0.2) if self._queue else 0.2
            for task in due:
                self._pool.submit(self._run_task, task)
            self._changed.wait(max(wait, 0.001))
            self._changed.clear()

    def stop(self) -> None:
        """Start no more tasks."""
        self._stopping.set()
        self._changed.set()

    def join(self) -> None:
        """Wait for running tasks; call it after `stop`."""
        self._pool.shutdown(wait=True)

    def _push(self, real: float, task: Callable[[], None]) -> None:
        with self._lock:
            heapq.heappush(self._queue, (real, next(self._order), task))
        self._changed.set()

    def _run_task(self, task: Callable[[], None]) -> None:
        try:
            task()
        except (httpx.HTTPError, DubanError, NotAccepted):
            if not self._stopping.is_set():
                self.retries += 1
                self._push(time.monotonic() + RETRY_AFTER, task)
        finally:
            with self._lock:
                self._running -= 1
