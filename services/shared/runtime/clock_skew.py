"""Detects errors of the wall clock by comparing it with monotonic time and the database's time (DESIGN 4). Pure."""

from dataclasses import dataclass

TOLERANCE = 2.0
"""Real seconds that the wall clock may differ from what it is compared with."""
SLOW = 0.1
"""Real seconds of a round trip after which the error of a wrong clock is not known well enough."""


@dataclass(slots=True)
class ClockSkewDetector:
    """Keeps the error of the wall clock.

    A jump counts as an error of the wall clock until the database's time shows which of the two was right.

    Attributes:
        wall: wall time of the last observation, in seconds.
        monotonic: monotonic time after the last observation, in seconds.
        error: real seconds by which the wall clock is ahead of the trusted time.
        needs_check: whether the wall clock has to be compared with the database's time.

    """

    wall: float
    monotonic: float
    error: float = 0.0
    needs_check: bool = True

    def observe(self, wall: float, before: float, after: float) -> float:
        """Return the seconds by which the wall clock jumped since the last observation; 0.0 within the tolerance.

        Whatever happens between the readings makes the jump, and with it the error, seem larger: the trusted time may
        be late by that much, but it is never early.

        Args:
            wall: wall time, in seconds.
            before: monotonic time before the wall time was read, in seconds.
            after: monotonic time after it was read, in seconds.

        """
        jump = (wall - self.wall) - (before - self.monotonic)
        self.wall, self.monotonic = wall, after
        if abs(jump) <= TOLERANCE:
            return 0.0
        self.error += jump
        self.needs_check = True
        return jump

    def correct(self, wall: float, after: float, reference: float, round_trip: float = 0.0) -> None:
        """Set the error from the database's time.

        The database read its clock at some moment of the round trip. The error is as if that were the end of it, so
        that the trusted time is never early; after a slow answer the database has to be asked again.

        Args:
            wall: wall time after the answer, in seconds.
            after: monotonic time after the wall time was read, in seconds.
            reference: the database's time, in seconds.
            round_trip: seconds from the question until the wall time was read.

        """
        ahead = wall - reference
        # A clock that is corrected stays so until it is clearly right again: the time must not go to and fro.
        tolerance = TOLERANCE if self.error == 0.0 else TOLERANCE / 2
        is_right = -tolerance <= ahead <= tolerance + round_trip
        self.error = 0.0 if is_right else ahead
        # A jump before this moment is part of the error: the next observation must not count it again.
        self.wall, self.monotonic = wall, after
        self.needs_check = not is_right and round_trip > SLOW
