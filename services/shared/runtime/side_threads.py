"""Threads beside a service's main loop: when one ends by itself, for any reason, the service ends (DESIGN 3)."""

import threading
import time
from collections.abc import Callable

from services.shared.observability import logs
from services.shared.runtime.errors import DubanError

STOP_TIMEOUT = 5.0
"""Seconds that all threads together have to end; a service as a whole has ten."""

log = logs.get(__name__)


class SideThreadEnded(Exception):
    """A side thread ended although it was not stopped; the message names it.

    A service that went on without it would look healthy and do half its work; it has to be restarted.
    """


class SideThreads:
    """Starts the threads and watches how they end.

    Args:
        stop: asks the main loop to end; called from a thread that has ended by itself.

    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._stopping = False
        self._threads: list[threading.Thread] = []
        self._failures: list[Exception] = []

    def start(self, name: str, run: Callable[[], None]) -> None:
        """Run a function in a thread; it has to go on until it is stopped."""
        thread = threading.Thread(target=self._run, args=(name, run), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self, name: str, run: Callable[[], None]) -> None:
        failure: Exception = SideThreadEnded(name)
        try:
            run()
        except DubanError as error:
            failure = error
        except BaseException as error:
            log.exception("side_thread_failed", thread=name)
            failure.__cause__ = error
        if not self._stopping:
            self._failures.append(failure)
            self._stop()

    def expect_end(self) -> None:
        """Take it as no failure from now on that a thread ends; to be called before they are stopped."""
        self._stopping = True

    def join(self) -> None:
        """Wait for the threads, some seconds at most, once they are stopped."""
        self.expect_end()
        until = time.monotonic() + STOP_TIMEOUT
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def raise_failure(self) -> None:
        """Raise why the first thread ended by itself, if one did.

        Raises:
            DubanError: it says what to do, such as a `ConfigurationError`.
            SideThreadEnded: it ended otherwise.

        """
        if self._failures:
            raise self._failures[0]
