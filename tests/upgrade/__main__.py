"""`make test-upgrade REF=<commit>`: that commit makes a database by its own code, today's migrates and checks it."""

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import structlog

from deploy.tools.bench_against import BenchError, Tree, unpack
from deploy.tools.checkout import PROJECT
from tests.postgres import running_postgres
from tests.upgrade import check
from tests.upgrade.check import Populated

MARK = PROJECT / "deploy" / "migrations" / "UPGRADE_FROM"
"""Holds the commit from which an upgrade has to be possible."""


def upgraded_from() -> str:
    """Return the commit that an upgrade starts from: that of the mark, or the last one where a clone is too shallow."""
    mark = MARK.read_text(encoding="utf-8").strip()
    known = subprocess.run(
        ["git", "cat-file", "-e", f"{mark}^{{commit}}"], cwd=PROJECT, capture_output=True, check=False
    )
    if known.returncode:
        print(f"this clone does not have {mark}: the last commit makes the database instead", flush=True)
        return "HEAD"
    return mark


def populate(tree: Tree, url: str, states: Path) -> Populated:
    """Let a tree fill an empty database by its own code.

    Raises:
        BenchError: it cannot.

    """
    if not (tree.folder / "tests" / "upgrade" / "populate.py").exists():
        raise BenchError(f"{tree.name} is older than this test: choose a commit that has tests/upgrade/populate.py")
    printed = json.loads(tree.run("-m", "tests.upgrade.populate", url, str(states)).strip().splitlines()[-1])
    lines = [json.loads(line) for line in states.read_text(encoding="utf-8").splitlines()]
    return Populated(
        tickets=printed["tickets"],
        now=datetime.fromisoformat(printed["now"]),
        states={line["key"]: json.dumps(line["value"], ensure_ascii=False).encode() for line in lines},
    )


def main() -> int:
    """Run the test; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make test-upgrade", description=__doc__)
    parser.add_argument("ref", nargs="?", default=upgraded_from(), help="the commit that makes the database")
    ref = parser.parse_args().ref
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as folder, running_postgres(Path(folder) / "data") as server:
            tree = unpack(ref)
            with server.empty_database() as url:
                made = populate(tree, url, Path(folder) / "states.ndjson")
                print(f"{tree.name} has made {made.tickets} tickets ({time.monotonic() - began:.0f} s)", flush=True)
                found = list(check.problems(url, made))
    except BenchError as error:
        print(f"test-upgrade: {error}", file=sys.stderr)
        return 1
    for problem in found:
        print(problem)
    print(f"{made.tickets} tickets upgraded from {tree.name}, {len(found)} problems ({time.monotonic() - began:.0f} s)")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
