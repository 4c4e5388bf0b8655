"""Watching the clock itself: wall time against monotonic time, and against the database's (DESIGN 4). Pure."""

from dataclasses import dataclass

TOLERANCE = 2.0
"""Real seconds that wall time may differ from what it is compared with."""


@dataclass(slots=True)
class ClockSkewDetector:
    """Knows by how much the wall clock is wrong.

    A jump is not believed: time goes on as monotonic time says, until the database's time is known.

    Attributes:
        wall: wall time of the last look, in seconds.
        monotonic: monotonic time of the last look, in seconds.
        error: real seconds by which the wall clock is ahead of what is believed.
        doubtful: whether the database is to be asked.

    """

    wall: float
    monotonic: float
    error: float = 0.0
    doubtful: bool = True

    def look(self, wall: float, monotonic: float) -> float:
        """Return by how many seconds the wall clock jumped since the last look; 0.0 when it did not."""
        jump = (wall - self.wall) - (monotonic - self.monotonic)
        self.wall, self.monotonic = wall, monotonic
        if abs(jump) <= TOLERANCE:
            return 0.0
        self.error += jump
        self.doubtful = True
        return jump

    def settle(self, wall: float, monotonic: float, theirs: float, took: float = 0.0) -> None:
        """Believe the database's time: if the wall clock differs from it, the wall clock is wrong by that much.

        Args:
            wall: wall time in the middle of the question, in seconds.
            monotonic: monotonic time at that moment, in seconds.
            theirs: what the database answered, in seconds.
            took: seconds from the question to the answer, by which the answer may be off.

        """
        ahead = wall - theirs
        self.error = ahead if abs(ahead) > TOLERANCE + took / 2 else 0.0
        # What the wall clock did up to here is in the error: the next look must not count it once more.
        self.wall, self.monotonic = wall, monotonic
        self.doubtful = False
