"""Runs a service whose wall clock is wrong by the seconds in a file: `python -m tests.faults.skewed FILE SERVICE`.

Without the file, or while it is empty, the clock is right.
"""

import runpy
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from services.shared.runtime import clock


def main() -> None:
    """Run the service with the skewed clock."""
    file, service, real_time = Path(sys.argv[1]), sys.argv[2], time.time

    def skewed_time() -> float:
        skew = file.read_text(encoding="ascii") if file.exists() else ""
        return real_time() + float(skew or 0)

    time.time = skewed_time

    def now(_: clock.SystemClock) -> datetime:
        return datetime.fromtimestamp(skewed_time(), UTC)

    setattr(clock.SystemClock, "now", now)  # noqa: B010 - replaces a method
    sys.argv = [f"services.{service}"]
    runpy.run_module(f"services.{service}", run_name="__main__")


if __name__ == "__main__":
    main()
