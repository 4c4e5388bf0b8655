"""The end of the day: the summary, three tickets in full, and what the checker found."""

import json
import subprocess
import sys
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from demo.doors import Counts
from demo.figures import STAGES, TIERS, Figures
from deploy.local import Stack
from deploy.local.errors import LocalError
from deploy.tools.checkout import PROJECT
from duban import timeline
from services.ledger import store

GOOD = """
select number from ledger.ticket
where status = 'closed' and (body ->> 'warnings')::int = 0 and body -> 'survey' <> 'null'
  and body ->> 'channel' <> 'callback' and body -> 'settlement' = 'null' and (body #>> '{survey,result}')::int >= 4
order by number limit 1
"""
BREACHED = """
select t.number from ledger.ticket t join ledger.event e on e.ticket_id = t.id
where e.type = 'breached' and e.threshold like '%/handling/%' and t.status in ('answered', 'closed')
order by t.number limit 1
"""
REHANDLED = """
select number from ledger.ticket where body -> 'links' @> '[{"kind": "rehandled_by"}]' order by number limit 1
"""


def summary(figures: Figures, counts: Counts, console: Console) -> None:
    """Show the day in figures."""
    stages = Table(title="Tickets at the end of the day", title_justify="left")
    stages.add_column("stage")
    for tier in TIERS:
        stages.add_column(tier, justify="right")
    for stage in STAGES:
        stages.add_row(stage, *(str(figures.tickets.get((stage, tier), 0)) for tier in TIERS))
    console.print(stages)
    happened = Table(title="What happened", title_justify="left")
    happened.add_column("event")
    happened.add_column("number", justify="right")
    for name, number in sorted(figures.events.items()):
        happened.add_row(name, str(number))
    console.print(happened)
    doors = ", ".join(f"{door} {number}" for door, number in sorted(counts.sent.items()))
    console.print(f"contacts by door: {doors}; dead letters: {figures.dead_letters}")
    letters: dict[str, int] = {}
    for (_, state), number in figures.letters.items():
        letters[state] = letters.get(state, 0) + number
    console.print("letters: " + ", ".join(f"{number} {state}" for state, number in sorted(letters.items())))


def stories(connection: psycopg.Connection, console: Console, zone: str) -> None:
    """Show three tickets in full."""
    for title, query in (("A good one", GOOD), ("A breached one", BREACHED), ("A re-handled one", REHANDLED)):
        row = connection.execute(query).fetchone()
        if row is None:
            console.print(f"{title}: there was none on this day")
            continue
        found = store.story(connection, row[0])
        assert found is not None
        console.print(timeline.lines(*found, title=title, zone=zone))


def sample(stack: Stack) -> Path:
    """Draw a sample of the day's tickets for a study by a third party, as anyone would; return its file.

    Raises:
        LocalError: it could not be drawn.

    """
    file = stack.folder.root / "sample.csv"
    words = ["survey", "sample", "--from=2026-03-12", "--until=2026-03-14", "--size=40", f"--out={file}"]
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "duban", *words, f"--data={stack.folder.root}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
    )
    if done.returncode != 0:
        raise LocalError(f"no sample could be drawn: {done.stderr.strip()}")
    return file


def check(stack: Stack, accepted: str) -> dict[str, object]:
    """Run the independent checker on a system at rest and return what it found."""
    done = subprocess.run(  # noqa: S603 - our own module
        [
            sys.executable,
            "-m",
            "chaos.checker",
            f"--kafka={stack.bootstrap_servers}",
            f"--database={stack.database_url()}",
            f"--accepted={accepted}",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
    )
    try:
        found: dict[str, object] = json.loads(done.stdout)
    except ValueError:
        return {"lost": -1, "problems": [f"the checker failed: {done.stderr.strip()[-2000:]}"]}
    return found
