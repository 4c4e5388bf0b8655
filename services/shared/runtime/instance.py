"""The stable name of this process among those of its service: as configured, or host name and lowest free slot.

A slot is a file lock, which the kernel releases however the process ends. So a restart has its name again, and with it
its place in the consumer group; two processes of one host never have the same one.
"""

import fcntl
import os
import socket
import tempfile
from functools import cache
from pathlib import Path
from typing import TextIO

from services.shared.runtime.errors import ConfigurationError
from services.shared.runtime.settings import Settings

MAX_SLOTS = 1000
"""Processes of one service on one host."""

_locks: list[TextIO] = []
"""Locks of this process; they are released when it ends."""


def instance_name(service: str, settings: Settings) -> str:
    """Return the name of this process: DUBAN_INSTANCE, else service, host name and the slot that it keeps.

    Raises:
        ConfigurationError: the folder of slots cannot be written.

    """
    if settings.instance:
        return settings.instance
    folder = settings.slots or Path(tempfile.gettempdir()) / f"duban-{os.getuid()}"
    return f"{service}-{socket.gethostname()}-{_slot(folder, service)}"


@cache
def _slot(folder: Path, service: str) -> int:
    """Take the lowest free slot, once for the life of this process."""
    for number in range(MAX_SLOTS):
        lock = take(folder / f"{service}-{number}.lock")
        if lock is not None:
            _locks.append(lock)
            return number
    raise ConfigurationError(f"all {MAX_SLOTS} slots of {service} in {folder} are taken: set DUBAN_INSTANCE")


def take(path: Path) -> TextIO | None:
    """Return the open file that holds a lock, None if another process holds it.

    Raises:
        ConfigurationError: the file cannot be written.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = path.open("a", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written ({error.strerror}): set DUBAN_INSTANCE to a name of its own for each process, "
            "or DUBAN_SLOTS to a folder that can be written"
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file
