"""A running system, for whoever starts it or finds it: the command line, the demo, the tests."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local import packages, plan
from deploy.local.errors import LocalError
from deploy.local.folder import DataFolder, StackState
from deploy.local.plan import Endpoints, StackOptions
from deploy.local.process import end, module_command, module_path

UP_WITHIN = 420.0
"""Seconds for everything to be ready, a first download included."""
DOWN_WITHIN = 90.0


class Stack:
    """One data folder's running system."""

    def __init__(self, folder: DataFolder, supervisor: subprocess.Popen[bytes] | None = None) -> None:
        self.folder = folder
        self._supervisor = supervisor

    @classmethod
    def start(cls, options: StackOptions, *, say: Callable[[str], None] = lambda _: None) -> Self:
        """Start the system and return when every part of it is ready.

        Raises:
            LocalError: it cannot start; the message says why and what to do.

        """
        packages.ensure(
            *packages.PROCESSES,
            *(() if options.kafka else packages.KAFKA),
            *(() if options.postgres else packages.POSTGRES),
        )
        folder = DataFolder(options.data.resolve())
        folder.make()
        running = folder.read()
        if running is not None and running.supervisor.alive:
            raise LocalError(
                f"{folder.root} is in use by process {running.supervisor.pid}: `duban down` stops it, "
                "or choose another folder with --data"
            )
        log = folder.logs / "supervisor.log"
        with log.open("ab") as output:
            begin = log.stat().st_size
            supervisor = subprocess.Popen(  # noqa: S603 - our own command line
                module_command("deploy.local.supervisor", *options.arguments()),
                stdin=subprocess.PIPE if options.tied else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | module_path(),
                start_new_session=True,
            )
        stack = cls(folder, supervisor)
        try:
            stack._wait_until_ready(log, begin, say)
        except BaseException:
            stack.close()
            raise
        return stack

    @classmethod
    def attach(cls, data: Path) -> Self:
        """Return the system that runs on a data folder.

        Raises:
            LocalError: none does.

        """
        stack = cls(DataFolder(data.resolve()))
        state = stack.folder.read()
        if state is None or not state.supervisor.alive:
            raise LocalError(f"nothing runs on {stack.folder.root}: start it with `duban up`")
        return stack

    def _wait_until_ready(self, log: Path, begin: int, say: Callable[[str], None]) -> None:
        until = time.monotonic() + UP_WITHIN
        assert self._supervisor is not None
        while True:
            with log.open("rb") as file:
                file.seek(begin)
                told = file.read()
            whole = told[: told.rfind(b"\n") + 1]
            begin += len(whole)
            lines = whole.decode(errors="replace").splitlines()
            for line in lines:
                say(line)
            state = self.folder.read()
            mine = state is not None and state.supervisor.pid == self._supervisor.pid
            if state is not None and mine and state.phase == "ready":
                return
            if self._supervisor.poll() is not None:
                problem = state.problem if state is not None and mine else ""
                raise LocalError(problem or (lines[-1] if lines else f"the supervisor ended; its log is {log}"))
            if time.monotonic() > until:
                raise LocalError(f"the system did not get ready within {UP_WITHIN:.0f} s: look at {log}")
            time.sleep(0.1)

    @property
    def state(self) -> StackState:
        """What the supervisor says now.

        Raises:
            LocalError: nothing runs.

        """
        state = self.folder.read()
        if state is None:
            raise LocalError(f"nothing runs on {self.folder.root}: start it with `duban up`")
        return state

    @property
    def intake_url(self) -> str:
        """Where contacts go."""
        return f"http://127.0.0.1:{self.state.ports['intake']}"

    @property
    def bootstrap_servers(self) -> str:
        """Where the broker is."""
        return self.state.bootstrap_servers

    def database_url(self, role: str = "duban_owner") -> str:
        """How a role reaches the database."""
        return plan.database_url(self.folder, self._places, role)

    def environment(self, service: str) -> dict[str, str]:
        """Return the environment in which a service, or a command for it, runs here."""
        return plan.service_environment(service, self.folder, self._places, "local")

    @property
    def _places(self) -> Endpoints:
        state = self.state
        return Endpoints(
            bootstrap_servers=state.bootstrap_servers,
            database_host=state.database_host,
            database_port=state.database_port,
            ports=state.ports,
            operations=state.operations,
        )

    def hold(self, *names: str) -> None:
        """Stop processes, all at once, and keep them stopped.

        Raises:
            LocalError: one does not stop.

        """
        for name in names:
            (self.folder.held / name).touch()
        for name in names:
            self._until(lambda name=name: name not in self.state.processes, f"{name} does not stop")  # type: ignore[misc]

    def release(self, name: str) -> None:
        """Let a process that was held run again; returns when it has been started."""
        (self.folder.held / name).unlink(missing_ok=True)
        self._until(lambda: name in self.state.processes, f"{name} does not start")

    def kill(self, name: str) -> bool:
        """End one process as `kill -9` does; the supervisor starts it again. False if it does not run just now."""
        known = self.state.processes.get(name)
        if known is None or not known.alive:
            return False
        known.signal(signal.SIGKILL)
        return True

    @staticmethod
    def _until(condition: Callable[[], bool], problem: str) -> None:
        until = time.monotonic() + DOWN_WITHIN
        while not condition():
            if time.monotonic() > until:
                raise LocalError(problem)
            time.sleep(0.05)

    def close(self) -> None:
        """Stop everything and wait until it has ended; the data stays."""
        for held in self.folder.held.glob("*"):
            held.unlink(missing_ok=True)
        state = self.folder.read()
        if self._supervisor is not None:
            if self._supervisor.poll() is None:
                self._supervisor.terminate()
                with suppress(subprocess.TimeoutExpired):
                    self._supervisor.wait(DOWN_WITHIN)
            if self._supervisor.stdin is not None:
                self._supervisor.stdin.close()
            if self._supervisor.poll() is None:
                self._supervisor.kill()
                self._supervisor.wait()
        elif state is not None:
            end(state.supervisor, patience=DOWN_WITHIN)
        for name, known in (state.processes if state is not None else {}).items():
            if known.alive:
                end(known, first=signal.SIGINT if name == "postgres" else signal.SIGTERM, patience=10)
        self.folder.state_file.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
