"""`make chaos`: plays days in which every process is killed, and checks that every promise holds afterwards."""

import argparse
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

from chaos.round import RoundPlan, play_round, short_plan
from deploy.local.errors import LocalError


def main() -> int:
    """Play the rounds; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="seed of the first round")
    parser.add_argument("--short", action="store_true", help="short days with one crash point for each service")
    options = parser.parse_args()
    kills = points = contacts = failed = 0
    for number in range(options.rounds):
        seed = options.seed + number
        data = Path(tempfile.mkdtemp(prefix="duban-chaos-"))
        started = time.monotonic()
        _print(f"round {number + 1} of {options.rounds}, seed {seed}: repeat it with `make chaos ROUNDS=1 SEED={seed}`")
        try:
            result = play_round(data, seed, short_plan(seed) if options.short else RoundPlan(), _print)
        except LocalError as error:
            _print(f"  the round could not be finished: {error}; its data is kept in {data}")
            failed += 1
            continue
        kills, points, contacts = kills + result.kills, points + result.points, contacts + result.contacts
        for problem in result.problems:
            _print(f"  PROBLEM {problem}")
        verdict = "ok" if not result.problems else f"failed; its data is kept in {data}"
        _print(
            f"round {number + 1}: {verdict}, {result.contacts} contacts, {result.kills} kills, "
            f"{result.points} crash points, {time.monotonic() - started:.0f} s"
        )
        if result.problems:
            failed += 1
        else:
            shutil.rmtree(data)
    _print(
        f"chaos {'failed' if failed else 'ok'}: rounds={options.rounds} failed={failed} kills={kills} points={points} "
        f"contacts={contacts}"
    )
    return 1 if failed else 0


def _print(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
