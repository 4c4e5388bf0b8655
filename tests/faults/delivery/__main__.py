"""Plays faults of delivery and tells what happened; exit code 1 if anything was lost or wrong, or not injected."""

import argparse
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.delivery import report
from tests.faults.delivery.play import Played, play
from tests.faults.delivery.registry import FAULTS
from tests.faults.delivery.rig import running_rig


def main() -> int:
    """Play the faults; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make faults-delivery", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=sorted(FAULTS), help="play these")
    parser.add_argument("--short", action="store_true", help="play those that run before every landing")
    parser.add_argument("--allow-missing", nargs="*", default=[], help="faults that this machine need not inject")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--write", action="store_true", help="write what happened to docs/reliability.md")
    parser.add_argument("--list", action="store_true", help="name the faults, and play none")
    options = parser.parse_args()
    chosen = [
        fault
        for fault in FAULTS.values()
        if (fault.name in options.only if options.only else fault.short or not options.short)
    ]
    if options.list:
        print("\n".join(f"{fault.name:24} {fault.injected}" for fault in chosen))
        return 0
    began = time.monotonic()
    data = Path(tempfile.mkdtemp(prefix="duban-delivery-"))
    played: list[Played] = []
    # What is tested has been loaded now; files that change meanwhile are not tested.
    at = f"{report.commit()}, {datetime.now(UTC):%Y-%m-%d}"
    with running_rig(data, options.seed) as rig:
        print(f"seed {options.seed}: ready after {time.monotonic() - began:.0f} s", flush=True)
        for fault in chosen:
            started = time.monotonic()
            played.append(play(rig, fault))
            print(f"{report.row(played[-1], at)} {time.monotonic() - started:.0f} s", flush=True)
            if options.write:
                report.write(played[-1:], list(FAULTS), at)
    failed = _failed(played, options.allow_missing)
    if failed:
        print(f"data and logs are kept in {data}")
    else:
        shutil.rmtree(data)
    print(f"faults-delivery: {len(played)} faults, {len(failed)} failed, {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


def _failed(played: list[Played], allowed: list[str]) -> list[str]:
    """Print and return the faults that failed, or that were not injected and are not allowed to be missing."""
    missing = [each.fault.name for each in played if each.missing and each.fault.name not in allowed]
    if missing:
        print(f"not injected: {' '.join(missing)}; name those that may be missing with ALLOW_MISSING")
    wrong = " ".join(each.fault.name for each in played if each.problems)
    if wrong:
        print(f'failed: {wrong}; repeat with `make faults-delivery ONLY="{wrong}"`')
    return [*missing, *wrong.split()]


if __name__ == "__main__":
    sys.exit(main())
