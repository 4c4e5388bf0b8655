"""Finds free TCP ports on the loopback address."""

import contextlib
import random
import socket
from collections.abc import Container
from pathlib import Path

from deploy.local.folder import StackState

EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
FIRST_PORT = 20_000
"""Lowest port to choose: well-known programs use those below."""


class PortChooser:
    """Chooses a system's ports, reusing those of its previous start where they are still free."""

    def __init__(self, previous: StackState | None) -> None:
        self._previous: dict[str, int] = {}
        if previous is not None:
            operations = {f"{name}.operations": port for name, port in previous.operations.items()}
            self._previous = previous.ports | operations
        self._reserved = set(self._previous.values())

    def choose(self, name: str, *, default: int = 0) -> int:
        """Return the default port if it is free, else the previous one of this name if it is free, else a new one."""
        if default and port_is_free(default):
            return default
        port = self._previous.get(name, 0)
        if not port or not port_is_free(port):
            port = free_port(self._reserved)
            self.reserve(port)
        return port

    def reserve(self, port: int) -> None:
        """Never choose this port as a new one."""
        self._reserved.add(port)


def port_is_free(port: int) -> bool:
    """Return whether a port of the loopback address is free to listen on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port(excluded: Container[int] = ()) -> int:
    """Return a free port that is not in `excluded`.

    Ports of the kernel's ephemeral range are avoided: an outgoing connection could take one while the process that
    listened on it is restarted.
    """
    with contextlib.suppress(OSError):
        lowest = int(EPHEMERAL_RANGE.read_text(encoding="ascii").split()[0])
        candidates = range(FIRST_PORT, lowest)
        for port in random.sample(candidates, min(len(candidates), 200)):
            if port not in excluded and port_is_free(port):
                return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_listening(port: int) -> bool:
    """Return whether a process listens on a port of the loopback address."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
