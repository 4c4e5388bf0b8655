"""Inject every fault once, in its long form, and print what became of the deadlines."""

import argparse
import os
import platform
import random
import sys
import time

import psutil

from tests.faults.rig import rig
from tests.faults.scenarios import LATEST, LONG, SCENARIOS


def main() -> None:
    """Run scenarios; exit code 1 when a deadline was missed, doubled or early, or a fault did not happen."""
    parser = argparse.ArgumentParser(prog="make faults-monitor", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=sorted(SCENARIOS), default=list(SCENARIOS))
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--open", type=int, default=100_000, help="open tickets beside those that come due")
    told = parser.parse_args()
    memory = psutil.virtual_memory().total >> 30
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory} GiB; seed {told.seed}\n")
    print("| fault | deadlines | median s | 99 of 100 s | latest s | missing | doubled | early | what shows it |")
    print("|---|---|---|---|---|---|---|---|---|")
    bad: list[str] = []
    for name in told.only:
        with rig(session_timeout=6_000, sweep_after=LONG.swept) as made:
            made.fill(told.open)
            result = SCENARIOS[name](made, LONG, random.Random(f"{told.seed}/{name}"))
        found = result.outcome
        figures = " | ".join(f"{found.part(each):.2f}" for each in (0.5, 0.99, 1.0))
        harm = f"{found.missing} | {found.doubled} | {found.early}"
        print(
            f"| {name} | {len(found.late)} | {figures} | {harm} | {'; '.join(result.proof) or 'NOTHING'} |", flush=True
        )
        if not result.sound or found.part(0.99) > LATEST.get(name, float("inf")):
            bad.append(name)
    if bad:
        print(f"\nnot as it should be: {', '.join(bad)}; again with --seed {told.seed} --only {' '.join(bad)}")
        sys.exit(1)


if __name__ == "__main__":
    main()
