"""Runs the processes of one data folder: restarts those that end, and stops those that are held."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deploy.local import probes
from deploy.local.folder import DataFolder, StackState
from deploy.local.liveness import LivenessWatch
from deploy.local.process import OwnedProcess, spawn

FIRST_RESTART_WAIT, LONGEST_RESTART_WAIT = 0.5, 10.0
"""Backoff in seconds before a process is restarted: after its first failure, and at most."""
HEALTHY_AFTER = 30.0
"""Seconds of running after which the backoff starts anew."""
STORES = ("kafka", "postgres")


@dataclass
class ManagedProcess:
    """A process to keep running.

    Attributes:
        name: names its log file and its hold.
        command, environment: how to start it.
        ready: returns whether it is ready to serve.
        liveness: URL of its liveness page; empty: it has none.
        stop_signal: signal that asks it to end.
        stop_timeout: seconds after that signal until it is killed.
        process, identity: the running process; None while it does not run.
        failures: times it ended since it last ran for HEALTHY_AFTER.
        not_before: monotonic time of the next restart.
        since: monotonic time of its last start.
        restarts: times it ended since the supervisor started.

    """

    name: str
    command: list[str]
    environment: Mapping[str, str]
    ready: Callable[[], bool]
    liveness: str = ""
    stop_signal: int = signal.SIGTERM
    stop_timeout: float = 12.0
    process: subprocess.Popen[bytes] | None = None
    identity: OwnedProcess | None = None
    failures: int = 0
    not_before: float = 0.0
    since: float = 0.0
    restarts: int = 0


class ProcessManager:
    """Keeps processes running and records them in the folder's state file."""

    def __init__(self, folder: DataFolder, state: StackState) -> None:
        self._folder = folder
        self._state = state
        self._processes: dict[str, ManagedProcess] = {}
        self._liveness = LivenessWatch()

    def watch_liveness(self) -> None:
        """End processes whose loops are stuck from now on, so that they are restarted."""
        self._liveness.start(self._with_liveness_page)

    def _with_liveness_page(self) -> list[tuple[int, str]]:
        if self._folder.unwatched.exists():
            return []
        return [
            (managed.process.pid, managed.liveness)
            for managed in list(self._processes.values())
            if managed.liveness and managed.process is not None
        ]

    def __getitem__(self, name: str) -> ManagedProcess:
        return self._processes[name]

    def add(self, managed: ManagedProcess) -> None:
        """Start a process, unless it is held, and restart it whenever it ends."""
        self._processes[managed.name] = managed
        if not self._is_held(managed):
            self._spawn(managed)

    def check(self) -> None:
        """Restart processes that ended, and stop those that are held; to be called periodically."""
        now = time.monotonic()
        held = [managed for managed in self._processes.values() if self._is_held(managed)]
        self._stop(*held)
        for managed in self._processes.values():
            if managed in held:
                continue
            if managed.process is not None:
                code = managed.process.poll()
                if code is None:
                    if self._liveness.is_stuck(managed.process.pid):
                        print(f"{managed.name} is stuck (see its /livez): ending it", flush=True)
                        # Its loop would not see a request to stop; what it had not committed is done again.
                        managed.process.kill()
                        managed.process.wait()
                        self._schedule_restart(managed, managed.process.returncode, now)
                        continue
                    if now - managed.since > HEALTHY_AFTER:
                        managed.failures = 0
                    continue
                self._schedule_restart(managed, code, now)
            if now >= managed.not_before:
                self._spawn(managed)

    def _schedule_restart(self, managed: ManagedProcess, code: int, now: float) -> None:
        managed.process = None
        managed.failures += 1
        managed.restarts += 1
        wait = min(FIRST_RESTART_WAIT * 2 ** (managed.failures - 1), LONGEST_RESTART_WAIT)
        managed.not_before = now + wait
        print(f"{managed.name} ended ({probes.describe_exit(code)}); restarting it in {wait:g} s", flush=True)
        self._state.restarts[managed.name] = managed.restarts

    def stop_all(self) -> None:
        """Stop all services at once, then the broker, then the database."""
        self._liveness.stop()
        self._stop(*(managed for name, managed in self._processes.items() if name not in STORES))
        for name in STORES:
            if name in self._processes:
                self._stop(self._processes[name])

    def record_phase(self, phase: str) -> None:
        """Write the phase and the running processes to the state file."""
        self._state.phase = phase
        self._state.processes = {
            managed.name: managed.identity
            for managed in self._processes.values()
            if managed.identity is not None and managed.process is not None
        }
        self._folder.write_state(self._state)

    def _spawn(self, managed: ManagedProcess) -> None:
        log = self._folder.logs / f"{managed.name}.log"
        managed.process = spawn(managed.command, log=log, environment=managed.environment)
        managed.identity = OwnedProcess.of(managed.process.pid)
        managed.since = time.monotonic()
        self.record_phase(self._state.phase)

    def _is_held(self, managed: ManagedProcess) -> bool:
        return (self._folder.held / managed.name).exists()

    def _stop(self, *stopped: ManagedProcess) -> None:
        """Stop processes in parallel and wait for each."""
        for managed in stopped:
            if managed.process is not None and managed.identity is not None:
                managed.identity.signal(managed.stop_signal)
        for managed in stopped:
            if managed.process is None:
                continue
            try:
                managed.process.wait(managed.stop_timeout)
            except subprocess.TimeoutExpired:
                managed.process.kill()
                managed.process.wait()
            managed.process = None
            self.record_phase(self._state.phase)
