"""Named points at which a fault test may kill this process, to prove the promises of DESIGN 9 across kill -9.

A test arms a point by writing its name into the file `<faults>/<service>`; reaching the point removes the file and
ends the process as `kill -9` would. Without the setting this costs nothing.
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
        file: where a test arms a point; None: never.

    """

    def __init__(self, folder: Path | None, service: str) -> None:
        self.file = folder / service if folder is not None else None

    def ending(self, point: str) -> Callable[[], None] | None:
        """Return what ends this process at a point; None if no test asked for it."""
        return partial(self.reach, point) if self._armed(point) else None

    def reach(self, point: str) -> None:
        """Die here if a test asked for it."""
        if self.file is not None and self._armed(point):
            self.file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    def _armed(self, point: str) -> bool:
        if self.file is None or not self.file.exists():
            return False
        return self.file.read_text(encoding="utf-8").strip() == point
