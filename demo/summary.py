"""The end of the day: a summary, three tickets in full, a sample for a study, and the checker's findings."""

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

GOOD_TICKET = """
select number from ledger.ticket
where status = 'closed' and (body ->> 'warnings')::int = 0 and body -> 'survey' <> 'null'
  and body ->> 'channel' <> 'callback' and body -> 'settlement' = 'null' and (body #>> '{survey,result}')::int >= 4
order by number limit 1
"""
BREACHED_TICKET = """
select t.number from ledger.ticket t join ledger.event e on e.ticket_id = t.id
where e.type = 'breached' and e.threshold like '%/handling/%' and t.status in ('answered', 'closed')
order by t.number limit 1
"""
REHANDLED_TICKET = """
select number from ledger.ticket where body -> 'links' @> '[{"kind": "rehandled_by"}]' order by number limit 1
"""


def show_summary(figures: Figures, counts: Counts, console: Console) -> None:
    """Print the day's figures."""
    stages = Table(title="Tickets at the end of the day", title_justify="left")
    stages.add_column("stage")
    for tier in TIERS:
        stages.add_column(tier, justify="right")
    for stage in STAGES:
        stages.add_row(stage, *(str(figures.tickets.get((stage, tier), 0)) for tier in TIERS))
    console.print(stages)
    events = Table(title="Events", title_justify="left")
    events.add_column("event")
    events.add_column("number", justify="right")
    for name, number in sorted(figures.events.items()):
        events.add_row(name, str(number))
    console.print(events)
    doors = ", ".join(f"{door} {number}" for door, number in sorted(counts.sent.items()))
    console.print(f"contacts by door: {doors}; dead letters: {figures.dead_letters}")
    refused = ", ".join(f"{action} {number}" for action, number in sorted(counts.refused.items()))
    console.print(f"commands that came too late for their unit: {refused or 'none'}")
    letters: dict[str, int] = {}
    for (_, state), number in figures.letters.items():
        letters[state] = letters.get(state, 0) + number
    console.print("letters: " + ", ".join(f"{number} {state}" for state, number in sorted(letters.items())))


def show_tickets(connection: psycopg.Connection, console: Console, zone: str) -> None:
    """Print the timelines of three tickets: a good one, a breached one and a re-handled one."""
    for title, query in (
        ("A good one", GOOD_TICKET),
        ("A breached one", BREACHED_TICKET),
        ("A re-handled one", REHANDLED_TICKET),
    ):
        row = connection.execute(query).fetchone()
        if row is None:
            console.print(f"{title}: no such ticket on this day")
            continue
        found = store.ticket_with_events(connection, row[0])
        assert found is not None
        console.print(timeline.render(*found, title=title, zone=zone))


def draw_sample(stack: Stack) -> Path:
    """Draw a sample of the day's tickets for a study with `duban survey sample`; returns its file.

    Raises:
        LocalError: the command failed.

    """
    file = stack.folder.root / "sample.csv"
    arguments = ["survey", "sample", "--from=2026-03-12", "--until=2026-03-14", "--size=40", f"--out={file}"]
    completed = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "duban", *arguments, f"--data={stack.folder.root}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
    )
    if completed.returncode != 0:
        raise LocalError(f"the sample could not be drawn: {completed.stderr.strip()}")
    return file


def run_checker(stack: Stack, accepted: str, *arguments: str) -> dict[str, object]:
    """Run the independent checker on a drained system.

    Args:
        stack: the system.
        accepted: path of the file with accepted references and command ids.
        *arguments: more arguments of its command line.

    Returns:
        Its output: `lost` and `problems`.

    """
    completed = subprocess.run(  # noqa: S603 - our own module
        [
            sys.executable,
            "-m",
            "chaos.checker",
            f"--kafka={stack.bootstrap_servers}",
            f"--database={stack.database_url()}",
            f"--accepted={accepted}",
            f"--received={stack.folder.received}",
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
    )
    try:
        findings: dict[str, object] = json.loads(completed.stdout)
    except ValueError:
        return {"lost": -1, "problems": [f"the checker failed: {completed.stderr.strip()[-2000:]}"]}
    return findings
