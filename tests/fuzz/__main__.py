"""`make fuzz`: random decisions under every pack; what fails is printed with its seed and can be played again."""

import argparse
import sys
import time

from services.domain import packs
from services.shared.settings import PROJECT
from tests.fuzz.decisions import play


def main() -> int:
    """Play every pack; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--decisions", type=int, default=100_000, help="of each pack")
    parser.add_argument("--seed", type=int, default=0, help="0: the time")
    parser.add_argument("--pack", default="", help="only this one")
    told = parser.parse_args()
    seed = told.seed or int(time.time())
    for name, pack in packs.load(PROJECT / "policies").items():
        if told.pack and told.pack != name:
            continue
        began = time.monotonic()
        tickets = play(pack, seed, told.decisions)
        spent = time.monotonic() - began
        print(f"{name:16} {told.decisions} decisions, {tickets} tickets, seed {seed}, {spent:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
