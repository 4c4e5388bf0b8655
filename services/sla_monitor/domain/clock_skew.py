"""Detects errors of the wall clock by comparing it with monotonic time and the database's time (DESIGN 4). Pure."""

from dataclasses import dataclass

TOLERANCE = 2.0
"""Real seconds that the wall clock may differ from what it is compared with."""


@dataclass(slots=True)
class ClockSkewDetector:
    """Keeps the error of the wall clock.

    A jump counts as an error of the wall clock until the database's time shows which of the two was right.

    Attributes:
        wall: wall time of the last observation, in seconds.
        monotonic: monotonic time of the last observation, in seconds.
        error: real seconds by which the wall clock is ahead of the trusted time.
        needs_check: whether the wall clock has to be compared with the database's time.

    """

    wall: float
    monotonic: float
    error: float = 0.0
    needs_check: bool = True

    def observe(self, wall: float, monotonic: float) -> float:
        """Return the seconds by which the wall clock jumped since the last observation; 0.0 within the tolerance."""
        jump = (wall - self.wall) - (monotonic - self.monotonic)
        self.wall, self.monotonic = wall, monotonic
        if abs(jump) <= TOLERANCE:
            return 0.0
        self.error += jump
        self.needs_check = True
        return jump

    def correct(self, wall: float, monotonic: float, reference: float, round_trip: float = 0.0) -> None:
        """Set the error from the database's time.

        Args:
            wall: wall time in the middle of the round trip, in seconds.
            monotonic: monotonic time at that moment, in seconds.
            reference: the database's time, in seconds.
            round_trip: seconds from the question to the answer; half of it adds to the tolerance.

        """
        ahead = wall - reference
        self.error = ahead if abs(ahead) > TOLERANCE + round_trip / 2 else 0.0
        # A jump before this moment is part of the error: the next observation must not count it again.
        self.wall, self.monotonic = wall, monotonic
        self.needs_check = False
