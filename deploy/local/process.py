"""Starts, identifies and stops OS processes.

A process is identified by pid and start time, so that a signal never reaches another process that got the same pid.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel

from deploy.local import packages

LARGE_LOG = 20 * 1024 * 1024
"""Size in bytes from which a log is rotated at the next start."""


class OwnedProcess(BaseModel):
    """Identity of a process that this system started.

    Attributes:
        pid: its process id.
        started: its start time by the kernel, in seconds since the epoch.

    """

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> "OwnedProcess":
        """Return the identity of a running process; of an ended one, an identity that is never alive."""
        found = _look_up(pid)
        return cls(pid=pid, started=found[0] if found is not None else 0.0)

    @property
    def alive(self) -> bool:
        """Whether this process still runs."""
        found = _look_up(self.pid)
        return found is not None and abs(found[0] - self.started) < 1.0 and found[1]

    def signal(self, number: int) -> None:
        """Send a signal, if this process still runs."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def _look_up(pid: int) -> tuple[float, bool] | None:
    """Return when a process started and whether it still runs; None if no process has this pid.

    Raises:
        LocalError: psutil is not installed.

    """
    packages.ensure(*packages.PROCESSES)
    import psutil  # noqa: PLC0415 - only the embedded stack needs it

    try:
        process = psutil.Process(pid)
        return process.create_time(), process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs a module of Duban, without searching the current folder for it (-P)."""
    return [sys.executable, "-P", "-m", module, *arguments]


def module_path() -> dict[str, str]:
    """Return the environment variable with which a child process imports the same modules as this one."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def spawn(command: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, which the terminal's signals do not reach.

    Args:
        command: its command line.
        log: file to which its output is appended.
        environment: all its environment variables.

    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LARGE_LOG:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own command lines
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
        )


def stop_process(process: OwnedProcess, *, first_signal: int = signal.SIGTERM, timeout: float) -> None:
    """Stop a process with a signal; kill it if it has not ended after `timeout` seconds."""
    process.signal(first_signal)
    until = time.monotonic() + timeout
    while process.alive and time.monotonic() < until:
        time.sleep(0.05)
    process.signal(signal.SIGKILL)
    until = time.monotonic() + 5
    while process.alive and time.monotonic() < until:
        time.sleep(0.02)
