"""Asks running services whether their loops run, so that the supervisor ends those that are stuck."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Literal

import httpx

ASK_EVERY = 5.0
"""Seconds between two rounds of questions."""
SILENT_AFTER = 45.0
"""Seconds without an answer after which a process counts as stuck: a frozen one answers nothing at all."""

LivenessAnswer = Literal["live", "stalled", "silent"]


def ask(url: str) -> LivenessAnswer:
    """Return what a liveness page says."""
    try:
        return "live" if httpx.get(url, timeout=2).is_success else "stalled"
    except httpx.HTTPError:
        return "silent"


class LivenessWatch:
    """Remembers since when each process has not been live.

    Args:
        ask: returns what the liveness page at a URL says.
        monotonic: returns monotonic time, in seconds.

    """

    def __init__(
        self, ask: Callable[[str], LivenessAnswer] = ask, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._monotonic = monotonic
        self._silent_since: dict[tuple[int, str], float] = {}
        self._stuck: set[int] = set()
        self._stopping = threading.Event()

    def is_stuck(self, pid: int) -> bool:
        """Return whether a process has to be ended: a loop of it is stalled, or it answers nothing any more."""
        return pid in self._stuck

    def ask_all(self, running: Iterable[tuple[int, str]]) -> None:
        """Ask each running process once.

        Args:
            running: process id and URL of the liveness page of each.

        """
        asked = list(running)
        answers = {process: self._ask(process[1]) for process in asked}
        now = self._monotonic()
        self._silent_since = {
            process: self._silent_since.get(process, now) for process, answer in answers.items() if answer == "silent"
        }
        self._stuck = {pid for (pid, _), answer in answers.items() if answer == "stalled"} | {
            pid for (pid, _), since in self._silent_since.items() if now - since >= SILENT_AFTER
        }

    def start(self, running: Callable[[], Iterable[tuple[int, str]]]) -> None:
        """Ask again and again, in a thread, so that a process that hangs delays nobody."""

        def repeat() -> None:
            while not self._stopping.wait(ASK_EVERY):
                self.ask_all(running())

        threading.Thread(target=repeat, name="liveness", daemon=True).start()

    def stop(self) -> None:
        """Ask no more."""
        self._stopping.set()
