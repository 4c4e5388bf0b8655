"""Writes what happened in the faults into their section of docs/reliability.md."""

import math
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from deploy.tools.checkout import PROJECT
from tests.faults.delivery.play import Played
from tests.faults.delivery.readiness import ReadinessChange

PAGE = PROJECT / "docs" / "reliability.md"
BEGIN, END = "<!-- faults-delivery: begin -->", "<!-- faults-delivery: end -->"
HEAD = (
    "| fault | injected | for | callers saw; median, 99 %, longest | readiness | well again | lost | wrong | commit |",
    "|---|---|---|---|---|---|---|---|---|",
)
CHANGES_SHOWN = 4


def commit() -> str:
    """Return the commit that is tested, with a mark if files other than the page itself differ from it."""
    revision = _git("rev-parse", "--short=10", "HEAD") or "unknown"
    changed = _git("status", "--porcelain", "--", ".", f":(exclude){PAGE.relative_to(PROJECT)}")
    return f"{revision}-dirty" if changed else revision


def _git(*arguments: str) -> str:
    completed = subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False)
    return completed.stdout.strip()


def row(played: Played, at: str) -> str:
    """Return the row of a fault that was played at a commit."""
    if played.missing:
        return _cells(
            played.fault.name, played.fault.injected, f"not injected: {played.missing}", "", "", "", "", "", at
        )
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(played.statuses.items()))
    return _cells(
        played.fault.name,
        played.fault.injected,
        f"{played.lasted:.0f} s",
        f"{answers}; {played.latency(0.5):.2f} / {played.latency(0.99):.1f} / {played.latency(1.0):.1f} s",
        _readiness(played.changes),
        "never" if math.isinf(played.recovered_after) else f"{played.recovered_after:.1f} s",
        "nothing" if not played.lost else str(played.lost),
        "; ".join(played.problems) or "none",
        at,
    )


def _cells(*values: str) -> str:
    return f"| {' | '.join(value.replace('|', '/') for value in values)} |"


def _readiness(changes: Sequence[ReadinessChange]) -> str:
    shown = [
        f"{change.at:.1f} s {change.process}: {change.text or 'no answer'}" for change in changes if not change.ready
    ]
    last = [change.at for change in changes if change.ready]
    more = f" and {len(shown) - CHANGES_SHOWN} more" if len(shown) > CHANGES_SHOWN else ""
    ready = f"; all ready at {max(last):.1f} s" if last and shown else ""
    return "; ".join(shown[:CHANGES_SHOWN]) + more + ready or "ready"


def merged(page: str, rows: Mapping[str, str], order: Sequence[str]) -> str:
    """Return the page with the rows of faults, in place of their older rows; those not played now stay as they were.

    Args:
        page: its text.
        rows: rows by name of fault.
        order: names of all faults; a row of another name goes.

    """
    before, rest = page.split(BEGIN)
    section, after = rest.split(END)
    known = {line.split("|")[1].strip(): line for line in section.splitlines() if line.startswith("| ")} | dict(rows)
    lines = [BEGIN, f"On {_machine()}.", "", *HEAD, *(known[name] for name in order if name in known), END]
    return before + "\n".join(lines) + after


def _machine() -> str:
    memory = psutil.virtual_memory().total >> 30
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory} GiB"


def write(played: Sequence[Played], order: Sequence[str], at: str, page: Path = PAGE) -> None:
    """Write the rows of what was played at a commit into their section of the page."""
    rows = {each.fault.name: row(each, at) for each in played}
    page.write_text(merged(page.read_text(encoding="utf-8"), rows, order), encoding="utf-8")
