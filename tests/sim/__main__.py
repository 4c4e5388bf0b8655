"""`make sim`: runs many seeds; a failing seed is printed and can be run again with exactly the same steps."""

import argparse
import sys
import time
from collections import Counter

from tests.sim.simulation import Simulation


def main() -> int:
    """Run the seeds; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    options = parser.parse_args()
    started, faults, fired = time.monotonic(), Counter[str](), 0
    for seed in range(options.first, options.first + options.seeds):
        try:
            world = Simulation(seed).run()
        except Exception as error:
            error.add_note(f"seed {seed}: `make sim SEEDS=1 FIRST={seed}` runs it again")
            raise
        faults.update(world.faults)
        fired += len(world.fired)
    seconds = time.monotonic() - started
    print(
        f"{options.seeds} seeds from {options.first} on: {fired} thresholds, each decided once, none missed, "
        f"{seconds:.0f} s"
    )
    print(", ".join(f"{name} {count}" for name, count in sorted(faults.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
