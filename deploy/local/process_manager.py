"""The processes of one data folder: whatever dies is started again, what is held is stopped."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deploy.local import probes
from deploy.local.folder import DataFolder, StackState
from deploy.local.process import OwnedProcess, spawn

FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0
"""Seconds before a process that died is started again: the first time, and at the most."""
WELL = 30.0
"""Seconds after which a process that runs is forgiven its earlier deaths."""
STORES = ("kafka", "postgres")


@dataclass
class ManagedProcess:
    """One process that has to run.

    Attributes:
        name: of the part; its log and its hold go by it.
        command, environment: how it is started.
        ready: whether it does its work.
        stop_signal: what asks it to end.
        patience: seconds that it has to end by itself.
        process, known: as it runs now.
        failures: deaths in a row.
        not_before: monotonic time before which it is not started again.
        since: monotonic time of its start.
        restarts: deaths since the supervisor began.

    """

    name: str
    command: list[str]
    environment: Mapping[str, str]
    ready: Callable[[], bool]
    stop_signal: int = signal.SIGTERM
    patience: float = 12.0
    process: subprocess.Popen[bytes] | None = None
    known: OwnedProcess | None = None
    failures: int = 0
    not_before: float = 0.0
    since: float = 0.0
    restarts: int = 0


class ProcessManager:
    """Keeps processes running, and writes down in the folder's state which they are."""

    def __init__(self, folder: DataFolder, state: StackState) -> None:
        self._folder = folder
        self._state = state
        self._parts: dict[str, ManagedProcess] = {}

    def __getitem__(self, name: str) -> ManagedProcess:
        return self._parts[name]

    def add(self, part: ManagedProcess) -> None:
        """Start a process, unless it is held, and keep it running from now on."""
        self._parts[part.name] = part
        if not self._is_held(part):
            self._spawn(part)

    def watch(self) -> None:
        """Start again what died, stop what is held."""
        now = time.monotonic()
        held = [part for part in self._parts.values() if self._is_held(part)]
        self._end(*held)
        for part in self._parts.values():
            if part in held:
                continue
            if part.process is not None:
                code = part.process.poll()
                if code is None:
                    if now - part.since > WELL:
                        part.failures = 0
                    continue
                part.process = None
                part.failures += 1
                part.restarts += 1
                wait = min(FIRST_WAIT * 2 ** (part.failures - 1), LONGEST_WAIT)
                part.not_before = now + wait
                print(f"{part.name} ended ({probes.how(code)}); it is started again in {wait:g} s", flush=True)
                self._state.restarts[part.name] = part.restarts
            if now >= part.not_before:
                self._spawn(part)

    def bring_down(self) -> None:
        """End the services, all at once; then the broker; then the database."""
        self._end(*(part for name, part in self._parts.items() if name not in STORES))
        for name in STORES:
            if name in self._parts:
                self._end(self._parts[name])

    def note(self, phase: str) -> None:
        """Write down a phase and what runs."""
        self._state.phase = phase
        self._state.processes = {
            part.name: part.known
            for part in self._parts.values()
            if part.known is not None and part.process is not None
        }
        self._folder.write(self._state)

    def _spawn(self, part: ManagedProcess) -> None:
        log = self._folder.logs / f"{part.name}.log"
        part.process = spawn(part.command, log=log, environment=part.environment)
        part.known = OwnedProcess.of(part.process.pid)
        part.since = time.monotonic()
        self.note(self._state.phase)

    def _is_held(self, part: ManagedProcess) -> bool:
        return (self._folder.held / part.name).exists()

    def _end(self, *parts: ManagedProcess) -> None:
        """Stop processes, all at once, and wait for each."""
        for part in parts:
            if part.process is not None and part.known is not None:
                part.known.signal(part.stop_signal)
        for part in parts:
            if part.process is None:
                continue
            try:
                part.process.wait(part.patience)
            except subprocess.TimeoutExpired:
                part.process.kill()
                part.process.wait()
            part.process = None
            self.note(self._state.phase)
