"""Named points at which a fault test can kill or freeze this process, to prove the promises of DESIGN 9.

A test arms a point by writing its name into the file `<faults>/<service>`; the first process of the service to reach it
removes the file and kills itself with SIGKILL, or freezes with SIGSTOP if ` freeze` follows the name. Without the
setting DUBAN_FAULTS this costs nothing.
"""

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

FREEZE = " freeze"
POINTS = ("before_save", "after_save", "mid_publish", "before_offset_commit")


class CrashPoints:
    """The crash points of one service.

    Attributes:
        file: where a test arms a point; None: no fault tests.

    """

    def __init__(self, folder: Path | None, service: str) -> None:
        self.file = folder / service if folder is not None else None

    def armed_crash(self, point: str) -> Callable[[], None] | None:
        """Return a function that kills or freezes this process at a point; None unless a test has armed the point."""
        return partial(self.reach, point) if self._read() in {point, point + FREEZE} else None

    def reach(self, point: str) -> None:
        """Kill or freeze this process if a test has armed the point."""
        armed = self._read()
        if self.file is None or armed not in {point, point + FREEZE}:
            return
        try:
            self.file.unlink()
        except FileNotFoundError:
            return  # another process of the service was first
        os.kill(os.getpid(), signal.SIGKILL if armed == point else signal.SIGSTOP)

    def _read(self) -> str:
        if self.file is None or not self.file.exists():
            return ""
        try:
            return self.file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return ""
