"""A monitor whose wall clock is wrong: by as many seconds as a file says; empty or missing: right.

`python -m tests.faults.skewed FILE`
"""

import runpy
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from services.shared.runtime import clock


def main() -> None:
    """Run the monitor with the clock of the file."""
    file, real = Path(sys.argv[1]), time.time

    def wrong() -> float:
        told = file.read_text(encoding="ascii") if file.exists() else ""
        return real() + float(told or 0)

    time.time = wrong

    def now(_: clock.SystemClock) -> datetime:
        return datetime.fromtimestamp(wrong(), UTC)

    setattr(clock.SystemClock, "now", now)  # noqa: B010 - a method is replaced
    sys.argv = ["services.sla_monitor"]
    runpy.run_module("services.sla_monitor", run_name="__main__")


if __name__ == "__main__":
    main()
