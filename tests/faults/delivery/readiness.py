"""Watches the readiness page of every process, and records when it changes."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

INTERVAL = 0.25
TIMEOUT = 2.0
READY = "ready"


@dataclass(frozen=True)
class ReadinessChange:
    """A page that says something else than before.

    Attributes:
        at: monotonic time.
        process: whose page it is.
        text: what it says; empty: it does not answer.

    """

    at: float
    process: str
    text: str

    @property
    def ready(self) -> bool:
        """Whether the process says that it is ready."""
        return self.text.startswith(READY)


class ReadinessWatch:
    """Asks every process several times a second, from `start` to `stop`."""

    def __init__(self, ports: Callable[[], Mapping[str, int]]) -> None:
        self._ports = ports
        self._changes: list[ReadinessChange] = []
        self._current: dict[str, ReadinessChange] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="readiness", daemon=True)

    def start(self) -> None:
        """Start to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._stopping.set()
        self._thread.join(10)

    def changes(self, since: float) -> list[ReadinessChange]:
        """Return the changes since a monotonic time, in their order."""
        return [change for change in list(self._changes) if change.at >= since]

    def not_ready(self) -> dict[str, str]:
        """Return what the processes that are not ready say now."""
        return {name: change.text or "no answer" for name, change in self._current.items() if not change.ready}

    def _run(self) -> None:
        with httpx.Client(timeout=TIMEOUT) as client, ThreadPoolExecutor(max_workers=16) as pool:

            def ask(port: int) -> tuple[float, str]:
                try:
                    response = client.get(f"http://127.0.0.1:{port}/readyz")
                except httpx.HTTPError:
                    return time.monotonic(), ""
                text = response.text.strip().replace("\n", "; ")
                return time.monotonic(), text if not response.is_success or text.startswith(READY) else READY

            while not self._stopping.wait(INTERVAL):
                ports = dict(self._ports())
                for name, (at, text) in zip(ports, pool.map(ask, ports.values()), strict=True):
                    known = self._current.get(name)
                    if known is None or known.text != text:
                        self._current[name] = change = ReadinessChange(at, name, text)
                        self._changes.append(change)
