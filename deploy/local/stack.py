"""Starts, attaches to and stops a local system; used by the command line, the demo and the tests."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local import packages, plan
from deploy.local.errors import LocalError
from deploy.local.folder import DataFolder, StackState
from deploy.local.plan import Endpoints, StackOptions
from deploy.local.process import module_command, module_path, stop_process

READY_WITHIN = 420.0
"""Seconds that a system has to become ready, including a first download."""
STOPPED_WITHIN = 90.0
"""Seconds that a process, or the whole system, has to stop."""


class Stack:
    """A running system with its data folder; as a context manager it stops the system at the end."""

    def __init__(self, folder: DataFolder, supervisor: subprocess.Popen[bytes] | None = None) -> None:
        self.folder = folder
        self._supervisor = supervisor

    @classmethod
    def start(cls, options: StackOptions, *, progress: Callable[[str], None] = lambda _: None) -> Self:
        """Start a system and return when every process is ready.

        Args:
            options: what to start, and where.
            progress: receives each line that the supervisor prints meanwhile.

        Raises:
            LocalError: it cannot start; the message tells the user why and what to do.

        """
        packages.ensure(
            *packages.PROCESSES,
            *(() if options.kafka else packages.KAFKA),
            *(() if options.postgres else packages.POSTGRES),
        )
        folder = DataFolder(options.data.resolve())
        folder.create()
        running = folder.read_state()
        if running is not None and running.supervisor.alive:
            raise LocalError(
                f"{folder.root} is in use by process {running.supervisor.pid}: stop it with `duban down`, "
                "or choose another folder with --data"
            )
        log = folder.logs / "supervisor.log"
        with log.open("ab") as output:
            log_start = log.stat().st_size
            supervisor = subprocess.Popen(  # noqa: S603 - our own command line
                module_command("deploy.local.supervisor", *options.arguments()),
                stdin=subprocess.PIPE if options.stop_with_parent else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | module_path(),
                start_new_session=True,
            )
        stack = cls(folder, supervisor)
        try:
            stack._wait_until_ready(supervisor, _LogReader(log, log_start), progress)
        except BaseException:
            stack.close()
            raise
        return stack

    @classmethod
    def attach(cls, data: Path) -> Self:
        """Return the system that runs on a data folder.

        Raises:
            LocalError: no system runs on it.

        """
        stack = cls(DataFolder(data.resolve()))
        state = stack.folder.read_state()
        if state is None or not state.supervisor.alive:
            raise LocalError(f"nothing runs on {stack.folder.root}: start it with `duban up`")
        return stack

    def _wait_until_ready(
        self, supervisor: subprocess.Popen[bytes], log: "_LogReader", progress: Callable[[str], None]
    ) -> None:
        until = time.monotonic() + READY_WITHIN
        while True:
            lines = log.new_lines()
            for line in lines:
                progress(line)
            state = self.folder.read_state()
            if state is not None and state.supervisor.pid != supervisor.pid:
                state = None  # of an earlier start
            if state is not None and state.phase == "ready":
                return
            if supervisor.poll() is not None:
                problem = state.problem if state is not None else ""
                last = lines[-1] if lines else f"the supervisor ended: look at its log {log.file}"
                raise LocalError(problem or last)
            if time.monotonic() > until:
                raise LocalError(f"the system did not become ready within {READY_WITHIN:.0f} s: look at {log.file}")
            time.sleep(0.1)

    @property
    def state(self) -> StackState:
        """The supervisor's current state.

        Raises:
            LocalError: no system runs on the folder.

        """
        state = self.folder.read_state()
        if state is None:
            raise LocalError(f"nothing runs on {self.folder.root}: start it with `duban up`")
        return state

    @property
    def intake_url(self) -> str:
        """Base URL of intake."""
        return f"http://127.0.0.1:{self.state.ports['intake']}"

    @property
    def bootstrap_servers(self) -> str:
        """Address of the broker."""
        return self.state.bootstrap_servers

    def database_url(self, role: str = "duban_owner") -> str:
        """Return the URL by which a role connects to the database."""
        return plan.database_url(self.folder, self._endpoints, role)

    def environment(self, process: str) -> dict[str, str]:
        """Return the environment variables with which a service's process of this system runs."""
        return plan.service_environment(process, self.folder, self._endpoints, "local")

    def replicas(self, *services: str) -> tuple[str, ...]:
        """Return the names of the processes of services."""
        processes = self.state.operations
        return tuple(name for service in services for name in processes if plan.service_of(name) == service)

    @property
    def _endpoints(self) -> Endpoints:
        state = self.state
        return Endpoints(
            bootstrap_servers=state.bootstrap_servers,
            database_host=state.database_host,
            database_port=state.database_port,
            ports=state.ports,
            operations=state.operations,
        )

    def hold(self, *names: str) -> None:
        """Stop processes in parallel and keep them stopped until `release`.

        Raises:
            LocalError: a process does not stop.

        """
        for name in names:
            (self.folder.held / name).touch()
        for name in names:
            self._wait_for(lambda name=name: name not in self.state.processes, f"{name} does not stop")  # type: ignore[misc]

    def release(self, name: str) -> None:
        """Start a held process again; returns when it has been started.

        Raises:
            LocalError: the process does not start.

        """
        (self.folder.held / name).unlink(missing_ok=True)
        self._wait_for(lambda: name in self.state.processes, f"{name} does not start")

    def kill(self, name: str) -> bool:
        """Kill a process with SIGKILL; the supervisor restarts it. Returns False if it does not run now."""
        process = self.state.processes.get(name)
        if process is None or not process.alive:
            return False
        process.signal(signal.SIGKILL)
        return True

    @staticmethod
    def _wait_for(condition: Callable[[], bool], problem: str) -> None:
        until = time.monotonic() + STOPPED_WITHIN
        while not condition():
            if time.monotonic() > until:
                raise LocalError(problem)
            time.sleep(0.05)

    def close(self) -> None:
        """Stop the system and wait until every process has ended; the data stays."""
        for held in self.folder.held.glob("*"):
            held.unlink(missing_ok=True)
        state = self.folder.read_state()
        if self._supervisor is not None:
            _stop_child(self._supervisor)
        elif state is not None:
            stop_process(state.supervisor, timeout=STOPPED_WITHIN)
        # A supervisor that had to be killed leaves its processes running.
        for name, process in (state.processes if state is not None else {}).items():
            if process.alive:
                first_signal = signal.SIGINT if name == "postgres" else signal.SIGTERM
                stop_process(process, first_signal=first_signal, timeout=10)
        self.folder.state_file.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass
class _LogReader:
    """Reads the complete lines that are appended to a log.

    Attributes:
        file: the log.
        position: byte at which the next line starts.

    """

    file: Path
    position: int

    def new_lines(self) -> list[str]:
        with self.file.open("rb") as opened:
            opened.seek(self.position)
            content = opened.read()
        complete = content[: content.rfind(b"\n") + 1]
        self.position += len(complete)
        return complete.decode(errors="replace").splitlines()


def _stop_child(supervisor: subprocess.Popen[bytes]) -> None:
    if supervisor.poll() is None:
        supervisor.terminate()
        with suppress(subprocess.TimeoutExpired):
            supervisor.wait(STOPPED_WITHIN)
    if supervisor.stdin is not None:
        supervisor.stdin.close()
    if supervisor.poll() is None:
        supervisor.kill()
        supervisor.wait()
