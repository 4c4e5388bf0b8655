"""Named points at which a fault test can kill this process, to prove the promises of DESIGN 9 across `kill -9`.

A test arms a point by writing its name into the file `<faults>/<service>`; reaching the point removes the file and
kills the process with SIGKILL. Without the setting DUBAN_FAULTS this costs nothing.
"""

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

POINTS = ("before_save", "after_save", "mid_publish", "before_offset_commit")


class CrashPoints:
    """The crash points of one service.

    Attributes:
        file: where a test arms a point; None: no fault tests.

    """

    def __init__(self, folder: Path | None, service: str) -> None:
        self.file = folder / service if folder is not None else None

    def armed_crash(self, point: str) -> Callable[[], None] | None:
        """Return a function that kills this process at a point; None unless a test has armed the point."""
        return partial(self.reach, point) if self._armed(point) else None

    def reach(self, point: str) -> None:
        """Kill this process if a test has armed the point."""
        if self.file is not None and self._armed(point):
            self.file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    def _armed(self, point: str) -> bool:
        if self.file is None or not self.file.exists():
            return False
        return self.file.read_text(encoding="utf-8").strip() == point
