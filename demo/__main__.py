"""`make demo`: a carrier's day in about two minutes, on real Kafka and PostgreSQL."""

import argparse
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from rich.console import Console
from rich.live import Live

from demo import crm, drain, statistics, summary
from demo.driver import DayDriver
from demo.figures import Figures, look
from demo.setup import SCALE, ZONE, open_day, origin
from demo.view import frame
from deploy.local import Stack
from deploy.local.errors import LocalError
from deploy.local.folder import DataFolder
from deploy.local.plan import StackOptions
from deploy.tools.checkout import PROJECT
from duban import system_connection
from services.shared.runtime.clock import Clock
from services.shared.runtime.errors import DubanError, Retryable

LOOK_EVERY = 0.5
SAY_EVERY = 10.0
"""Seconds between two lines where there is no terminal to draw on."""


def main() -> int:
    """Play the day; returns the exit code."""
    told = _arguments()
    console = Console(highlight=False, soft_wrap=True)
    try:
        _empty(told.data)
        with Stack.start(
            StackOptions(data=told.data, scale=told.scale, origin=origin(told.scale), stop_with_parent=True),
            progress=lambda line: console.print(f"  {line}"),
        ) as stack:
            return _play(stack, told, console)
    except (LocalError, DubanError) as error:
        console.print(f"demo: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--data", type=Path, default=PROJECT / ".duban" / "demo", help="the data folder; emptied first")
    parser.add_argument("--contacts", type=int, default=400, help="customers of the day")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another day")
    parser.add_argument("--scale", type=float, default=SCALE, help="policy seconds in a second")
    parser.add_argument("--keep", action="store_true", help="go on running afterwards")
    return parser.parse_args()


def _empty(data: Path) -> None:
    """Begin with nothing, but remove only what a demo left."""
    state = DataFolder(data).read_state() if data.exists() else None
    if state is not None and state.supervisor.alive:
        raise LocalError(f"a demo runs on {data} already: stop it with `duban down --data {data}`")
    if data.exists() and any(data.iterdir()):
        if not (data / "run").is_dir():
            raise LocalError(f"{data} is not a data folder of Duban and not empty: choose another with --data")
        shutil.rmtree(data)


def _play(stack: Stack, told: argparse.Namespace, console: Console) -> int:
    today = open_day(stack, contacts=told.contacts, seed=told.seed)
    driver, clock = today.driver, today.clock
    minutes = told.scale / 60
    console.print(
        f"A day of {told.contacts} customers begins; one second is {minutes:.0f} of its minutes. Seed {told.seed}."
    )
    try:
        with psycopg.connect(stack.database_url(), autocommit=True) as connection, crm.subscribed(stack) as crm_got:
            driver.begin()
            _watch(stack, driver, clock, today.end, connection, console)
            console.print("The day is over: waiting until nothing is in flight, then counting.")
            driver.end()
            drain.settle(stack)
            figures = look(connection)
            summary.summary(figures, driver.counts, console)
            received = statistics.ReceivedMessages(stack.folder.received / "smtp.jsonl", crm_got, summary.sample(stack))
            statistics.show(statistics.count(connection, received), console)
            summary.stories(connection, console, ZONE)
        found = summary.check(stack, str(driver.accepted))
    finally:
        driver.end()
    problems = found.get("problems")
    assert isinstance(problems, list)
    for each in problems:
        console.print(f"checker: {each}", style="red")
    code = _last_line(figures, found, well=not problems)
    if told.keep:
        _keep(stack, console, today.key)
    return code


def _keep(stack: Stack, console: Console, key: str) -> None:
    """Go on running until the person at the terminal has seen enough."""
    drain.release(stack)
    console.print(f"Still running: {stack.intake_url}/docs. Put a contact in, or press Ctrl-C to stop:")
    console.print(system_connection.curl(stack.intake_url, key), markup=False)
    while True:
        time.sleep(1)


def _watch(
    stack: Stack, driver: DayDriver, clock: Clock, end: datetime, connection: psycopg.Connection, console: Console
) -> None:
    """Show the day until it ends."""
    lag_of, behind = drain.lag_of(stack), dict[str, int]()
    said = 0.0
    with Live(console=console, refresh_per_second=4, transient=True, vertical_overflow="crop") as live:
        while (now := clock.now()) < end:
            try:
                behind = lag_of.look()
            except Retryable:
                behind = {"broker away": 1}
            figures = look(connection)
            left = clock.real_seconds(end - now)
            if console.is_terminal:
                live.update(frame(figures, driver.counts, behind, now, ZONE, left))
            elif time.monotonic() - said > SAY_EVERY:
                said = time.monotonic()
                console.print(_line(figures, behind, now, left))
            time.sleep(LOOK_EVERY)
    lag_of.close()


def _line(figures: Figures, behind: dict[str, int], now: datetime, left: float) -> str:
    events = figures.events
    return (
        f"  {now.astimezone(UTC):%m-%d %H:%M}Z contacts={sum(figures.contacts.values())} tickets={figures.total} "
        f"warned={events.get('warned', 0)} breached={events.get('breached', 0)} "
        f"called_back={events.get('called_back', 0)} rehandled={figures.rehandled} "
        f"letters={sum(figures.letters.values())} lag={sum(behind.values())} ({left:.0f} s to go)"
    )


def _last_line(figures: Figures, found: dict[str, object], *, well: bool) -> int:
    events = figures.events
    counted = (
        f"contacts={sum(figures.contacts.values())} tickets={figures.total} warnings={events.get('warned', 0)} "
        f"breaches={events.get('breached', 0)} callbacks={events.get('called_back', 0)} rehandled={figures.rehandled} "
        f"lost={found['lost']}"
    )
    print(f"demo {'ok' if well else 'failed'}: {counted}", flush=True)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
