"""Watching the clock itself: wall time against monotonic time (DESIGN 4). Pure."""

from dataclasses import dataclass

TOLERANCE = 2.0
"""Real seconds that wall time may differ from monotonic time between two looks."""


@dataclass(slots=True)
class Vigilance:
    """Notices when the wall clock jumps.

    Attributes:
        wall: wall time of the last look, in seconds.
        monotonic: monotonic time of the last look, in seconds.

    """

    wall: float
    monotonic: float

    def look(self, wall: float, monotonic: float) -> float:
        """Return by how many seconds the wall clock jumped since the last look; 0.0 when it did not."""
        jump = (wall - self.wall) - (monotonic - self.monotonic)
        self.wall, self.monotonic = wall, monotonic
        return jump if abs(jump) > TOLERANCE else 0.0
