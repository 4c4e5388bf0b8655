"""`make fuzz`: random decisions under every pack, hostile messages on every channel, and the HTTP API by its document.

A failure is printed with its seed, with which it can be run again.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from deploy.tools.checkout import PROJECT
from services.domain.policy import loading
from tests.fuzz import decisions, http, parsers

PARTS = ("rules", "parsers", "http")


def main() -> int:
    """Run the requested parts; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="default: everything")
    parser.add_argument("--decisions", type=int, default=100_000, help="of each pack")
    parser.add_argument(
        "--seconds", type=int, default=300, help="of damaged and hostile messages, and again of the HTTP door"
    )
    parser.add_argument("--seed", type=int, default=0, help="0: the time")
    parser.add_argument("--pack", default="", help="only this one")
    options = parser.parse_args()
    seed, wanted = options.seed or int(time.time()), options.only or PARTS
    if "rules" in wanted:
        _rules(seed, options.decisions, options.pack)
    if "parsers" in wanted:
        number = parsers.run(seed, seconds=options.seconds)
        print(
            f"{number} damaged and hostile messages, seed {seed}, {options.seconds} s: each parsed or rejected",
            flush=True,
        )
    return _http(seed, options.seconds) if "http" in wanted else 0


def _rules(seed: int, count: int, only: str) -> None:
    for name, pack in loading.load(PROJECT / "policies").items():
        if only and only != name:
            continue
        started = time.monotonic()
        tickets = decisions.run(pack, seed, count)
        elapsed = time.monotonic() - started
        print(f"{name:16} {count} decisions, {tickets} tickets, seed {seed}, {elapsed:.0f} s", flush=True)


def _http(seed: int, seconds: int) -> int:
    from tests.system import running_system  # noqa: PLC0415 - the stack is only for this part

    os.environ.setdefault("DUBAN_TUNE_CHANNELS", str(PROJECT / "tests" / "channels.toml"))
    with tempfile.TemporaryDirectory() as folder, running_system(Path(folder) / "data") as system:
        return http.run(system.stack.intake_url, system.key, seed, seconds=seconds)


if __name__ == "__main__":
    sys.exit(main())
