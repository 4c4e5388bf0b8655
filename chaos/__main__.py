"""`make chaos`: rounds of a day in which everything is killed; every promise has to hold afterwards."""

import argparse
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

from chaos.round import RoundPlan, play, short
from deploy.local.errors import LocalError


def main() -> int:
    """Play the rounds; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="of the first round")
    parser.add_argument("--short", action="store_true", help="a short day, one named point for each service")
    told = parser.parse_args()
    kills = points = contacts = failed = 0
    for number in range(told.rounds):
        seed = told.seed + number
        data = Path(tempfile.mkdtemp(prefix="duban-chaos-"))
        began = time.monotonic()
        _say(f"round {number + 1} of {told.rounds}, seed {seed}: `make chaos ROUNDS=1 SEED={seed}` plays it again")
        try:
            outcome = play(data, seed, short(seed) if told.short else RoundPlan(), _say)
        except LocalError as error:
            _say(f"  the round could not be ended: {error}; its data is kept in {data}")
            failed += 1
            continue
        kills, points, contacts = kills + outcome.kills, points + outcome.points, contacts + outcome.contacts
        for each in outcome.problems:
            _say(f"  PROBLEM {each}")
        verdict = "ok" if not outcome.problems else f"failed; its data is kept in {data}"
        _say(
            f"round {number + 1}: {verdict}, {outcome.contacts} contacts, {outcome.kills} kills, "
            f"{outcome.points} named points, {time.monotonic() - began:.0f} s"
        )
        if outcome.problems:
            failed += 1
        else:
            shutil.rmtree(data)
    _say(
        f"chaos {'failed' if failed else 'ok'}: rounds={told.rounds} failed={failed} kills={kills} points={points} "
        f"contacts={contacts}"
    )
    return 1 if failed else 0


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
