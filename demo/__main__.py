"""`make demo`: a carrier's day in three to five minutes, on real Kafka and PostgreSQL."""

import argparse
import shutil
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from rich.console import Console
from rich.live import Live

from demo import crm, drain, statistics, summary
from demo.figures import Figures, read_figures
from demo.setup import SCALE, ZONE, PreparedDay, clock_origin, prepare_day
from demo.view import render
from deploy.local import Stack
from deploy.local.errors import LocalError
from deploy.local.folder import DataFolder
from deploy.local.plan import StackOptions
from deploy.tools.checkout import PROJECT
from duban import local_sender
from services.shared.runtime.errors import DubanError, Retryable

REFRESH_EVERY = 0.5
"""Real seconds between two reads of the figures."""
PRINT_EVERY = 10.0
"""Real seconds between two lines where there is no terminal to draw on."""


@dataclass(frozen=True)
class DayOutcome:
    """What a finished day came to.

    Attributes:
        figures: counts from the tables.
        lost: number of contacts that the checker did not find.
        problems: what else the checker found.

    """

    figures: Figures
    lost: object
    problems: list[str]


def main() -> int:
    """Play the day; returns the exit code."""
    options = _parse_arguments()
    console = Console(highlight=False, soft_wrap=True)
    try:
        _clear(options.data)
        with Stack.start(
            StackOptions(
                data=options.data, scale=options.scale, origin=clock_origin(options.scale), stop_with_parent=True
            ),
            progress=lambda line: console.print(f"  {line}"),
        ) as stack:
            return _run(stack, options, console)
    except (LocalError, DubanError) as error:
        console.print(f"demo: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--data", type=Path, default=PROJECT / ".duban" / "demo", help="data folder; emptied first")
    parser.add_argument("--contacts", type=int, default=400, help="number of customers")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random day")
    parser.add_argument("--scale", type=float, default=SCALE, help="policy seconds in a real second")
    parser.add_argument("--keep", action="store_true", help="keep the system running afterwards")
    return parser.parse_args()


def _clear(data: Path) -> None:
    """Remove the data of an earlier demo.

    Raises:
        LocalError: a demo runs on the folder, or it holds something else than Duban's data.

    """
    state = DataFolder(data).read_state() if data.exists() else None
    if state is not None and state.supervisor.alive:
        raise LocalError(f"a demo runs on {data} already: stop it with `duban down --data {data}`")
    if data.exists() and any(data.iterdir()):
        if not (data / "run").is_dir():
            raise LocalError(f"{data} is not empty and not a data folder of Duban: choose another with --data")
        shutil.rmtree(data)


def _run(stack: Stack, options: argparse.Namespace, console: Console) -> int:
    day = prepare_day(stack, contacts=options.contacts, seed=options.seed)
    minutes = options.scale / 60
    console.print(
        f"A day with {options.contacts} customers starts; {minutes:.0f} policy minutes pass in a real second. "
        f"Seed {options.seed}."
    )
    try:
        outcome = _play(stack, day, console)
    finally:
        day.driver.stop()
    for problem in outcome.problems:
        console.print(f"checker: {problem}", style="red")
    print(_result_line(outcome), flush=True)
    if options.keep:
        _keep_running(stack, console, day.key)
    return 1 if outcome.problems else 0


def _play(stack: Stack, day: PreparedDay, console: Console) -> DayOutcome:
    """Play the day to its end, print what happened, and run the checker."""
    with psycopg.connect(stack.database_url(), autocommit=True) as connection, crm.subscribed_crm(stack) as webhooks:
        day.driver.start()
        _show_live(stack, day, connection, console)
        console.print("The day is over: waiting until nothing is in flight, then counting.")
        day.driver.stop()
        drain.drain(stack)
        figures = read_figures(connection)
        summary.show_summary(figures, day.driver.counts, console)
        received = statistics.ReceivedMessages(
            stack.folder.received / "smtp.jsonl", webhooks, summary.draw_sample(stack)
        )
        statistics.show(statistics.collect(connection, received), console)
        summary.show_tickets(connection, console, ZONE)
    findings = summary.run_checker(stack, str(day.driver.accepted))
    problems = findings.get("problems")
    assert isinstance(problems, list)
    return DayOutcome(figures, findings["lost"], problems)


def _keep_running(stack: Stack, console: Console, key: str) -> None:
    """Start the services again and run until interrupted."""
    drain.resume(stack)
    console.print(f"Still running: {stack.intake_url}/docs. Submit a contact, or press Ctrl-C to stop:")
    console.print(local_sender.curl(stack.intake_url, key), markup=False)
    while True:
        time.sleep(1)


def _show_live(stack: Stack, day: PreparedDay, connection: psycopg.Connection, console: Console) -> None:
    """Show the day until it ends: a live view in a terminal, else a line every PRINT_EVERY seconds."""
    consumer_lag, lag = drain.consumer_lag(stack), dict[str, int]()
    printed_at = 0.0
    with Live(console=console, refresh_per_second=4, transient=True, vertical_overflow="crop") as live:
        while (now := day.clock.now()) < day.end:
            try:
                lag = consumer_lag.measure()
            except Retryable:
                lag = {"broker unreachable": 1}
            figures = read_figures(connection)
            left = day.clock.real_seconds(day.end - now)
            if console.is_terminal:
                live.update(render(figures, day.driver.counts, lag, now, ZONE, left))
            elif time.monotonic() - printed_at > PRINT_EVERY:
                printed_at = time.monotonic()
                console.print(_progress_line(figures, lag, now, left))
            time.sleep(REFRESH_EVERY)
    consumer_lag.close()


def _progress_line(figures: Figures, lag: dict[str, int], now: datetime, left: float) -> str:
    events = figures.events
    return (
        f"  {now.astimezone(UTC):%m-%d %H:%M}Z contacts={sum(figures.contacts.values())} tickets={figures.total} "
        f"warned={events.get('warned', 0)} breached={events.get('breached', 0)} "
        f"called_back={events.get('called_back', 0)} rehandled={figures.rehandled} "
        f"letters={sum(figures.letters.values())} lag={sum(lag.values())} ({left:.0f} s to go)"
    )


def _result_line(outcome: DayOutcome) -> str:
    figures, events = outcome.figures, outcome.figures.events
    return (
        f"demo {'failed' if outcome.problems else 'ok'}: "
        f"contacts={sum(figures.contacts.values())} tickets={figures.total} warnings={events.get('warned', 0)} "
        f"breaches={events.get('breached', 0)} callbacks={events.get('called_back', 0)} rehandled={figures.rehandled} "
        f"lost={outcome.lost}"
    )


if __name__ == "__main__":
    sys.exit(main())
