"""`make sim`: many seeds, each a history of its own; a seed that fails is printed and plays again exactly."""

import argparse
import sys
import time
from collections import Counter

from tests.sim.history import History


def main() -> int:
    """Play the seeds; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    told = parser.parse_args()
    began, faults, fired = time.monotonic(), Counter[str](), 0
    for seed in range(told.first, told.first + told.seeds):
        try:
            world = History(seed).run()
        except Exception as error:
            error.add_note(f"seed {seed}: `make sim SEEDS=1 FIRST={seed}` plays it again")
            raise
        faults.update(world.faults)
        fired += len(world.fired)
    spent = time.monotonic() - began
    print(f"{told.seeds} seeds from {told.first} on: {fired} thresholds, each decided once, none missed, {spent:.0f} s")
    print(", ".join(f"{name} {count}" for name, count in sorted(faults.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
