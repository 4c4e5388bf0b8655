"""Injects every fault once, in its long form, and prints the lateness of the deadlines."""

import argparse
import os
import platform
import random
import sys
import time

import psutil

from tests.faults.rig import running_rig
from tests.faults.scenarios import LONG, MAX_LATENESS, SCENARIOS, ScenarioResult


def main() -> None:
    """Run scenarios; exit code 1 if a deadline was missed, doubled or early, or a fault did not occur."""
    parser = argparse.ArgumentParser(prog="make faults-monitor", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=sorted(SCENARIOS), default=list(SCENARIOS))
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--open", type=int, default=100_000, help="open tickets besides those that come due")
    options = parser.parse_args()
    memory = psutil.virtual_memory().total >> 30
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory} GiB; seed {options.seed}\n")
    print("| fault | deadlines | median s | p99 s | max s | missing | doubled | early | proof of the fault |")
    print("|---|---|---|---|---|---|---|---|---|")
    failed: list[str] = []
    for name in options.only:
        with running_rig(session_timeout=6_000, sweep_after=LONG.sweep_after) as rig:
            rig.fill(options.open)
            result = SCENARIOS[name](rig, LONG, random.Random(f"{options.seed}/{name}"))
        print(_row(name, result), flush=True)
        if not result.passed or result.deadlines.percentile(0.99) > MAX_LATENESS.get(name, float("inf")):
            failed.append(name)
    if failed:
        names = " ".join(failed)
        print(f'\nfailed: {names}; repeat with `make faults-monitor SEED={options.seed} ONLY="{names}"`')
        sys.exit(1)


def _row(name: str, result: ScenarioResult) -> str:
    found = result.deadlines
    percentiles = " | ".join(f"{found.percentile(share):.2f}" for share in (0.5, 0.99, 1.0))
    errors = f"{found.missing} | {found.doubled} | {found.early}"
    return f"| {name} | {len(found.lateness)} | {percentiles} | {errors} | {'; '.join(result.proof) or 'NONE'} |"


if __name__ == "__main__":
    main()
