"""OS processes: known by pid and start time, so that a pid that was given to somebody else is never touched."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel

from deploy.local import packages

EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
FIRST_PORT = 20_000
"""Below it are the ports that well-known programs use."""

LARGE_LOG = 20 * 1024 * 1024
"""Bytes after which a log is put aside at the next start."""


class OwnedProcess(BaseModel):
    """A process that we started."""

    pid: int
    started: float
    """Seconds since the epoch, as the kernel has it."""

    @classmethod
    def of(cls, pid: int) -> "OwnedProcess":
        """Return what tells the process from a later one with the same pid."""
        found = _look_up(pid)
        return cls(pid=pid, started=found[0] if found is not None else 0.0)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        found = _look_up(self.pid)
        return found is not None and abs(found[0] - self.started) < 1.0 and found[1]

    def signal(self, number: int) -> None:
        """Send a signal, if it is still the same process."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def _look_up(pid: int) -> tuple[float, bool] | None:
    """Return when a process started and whether it still runs; None when no process has the pid.

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
    """Return the command line that runs a module of ours; the current folder is not searched for it (-P)."""
    return [sys.executable, "-P", "-m", module, *arguments]


def module_path() -> dict[str, str]:
    """Return the environment variable by which a child process imports what this process would import."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def spawn(command: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a process whose output goes to a log file, apart from the terminal's signals."""
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


def end(known: OwnedProcess, *, first: int = signal.SIGTERM, patience: float) -> None:
    """Stop a process, by force when it does not end within `patience` seconds."""
    known.signal(first)
    until = time.monotonic() + patience
    while known.alive and time.monotonic() < until:
        time.sleep(0.05)
    known.signal(signal.SIGKILL)
    until = time.monotonic() + 5
    while known.alive and time.monotonic() < until:
        time.sleep(0.02)


def port_is_free(port: int) -> bool:
    """Whether something of ours can listen on a port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port(besides: Container[int] = ()) -> int:
    """Return a port that nobody listens on and that is not one of `besides`.

    It lies outside the range from which the kernel serves outgoing connections.

    A port of that range may be lent to somebody's connection while the process that owned it is being started again.
    """
    with contextlib.suppress(OSError):
        lowest = int(EPHEMERAL.read_text(encoding="ascii").split()[0])
        candidates = range(FIRST_PORT, lowest)
        for port in random.sample(candidates, min(len(candidates), 200)):
            if port not in besides and port_is_free(port):
                return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def accepts(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
