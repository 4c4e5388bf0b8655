"""`duban up | down | status | logs`: runs the whole system on this machine."""

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.table import Table

from deploy.local import Stack, plan
from deploy.local.errors import LocalError
from deploy.local.folder import DataFolder
from deploy.local.plan import StackOptions
from duban import local_sender
from duban.system_connection import DEFAULT_DATA, Data

FOLLOW_INTERVAL = 0.3
"""Real seconds between two looks for new lines."""
TAIL = 40


def up(
    data: Data = DEFAULT_DATA,
    scale: Annotated[float, typer.Option(help="seconds of policy time per real second; kept with the data")] = 1.0,
    origin: Annotated[str, typer.Option(help="policy time at the first start, ISO 8601 with an offset")] = "",
    replicas: Annotated[str, typer.Option(help="processes of a service, such as ledger=3,router=2; else one")] = "",
    port: Annotated[int, typer.Option(help="HTTP port of intake; 0: 8080, or a free one")] = 0,
) -> None:
    """Start Kafka, PostgreSQL and every service, and restart what fails; data from before is kept."""
    console = Console(highlight=False, soft_wrap=True)
    options = StackOptions(
        data=data, scale=scale, origin=origin, http_port=port, replicas=plan.parse_replicas(replicas)
    )
    stack = Stack.start(options, progress=lambda line: console.print(f"  {line}", markup=False))
    key = local_sender.ensure(stack)
    url = stack.intake_url
    # What is printed has to work when it is read.
    local_sender.wait_for_key(url, key)
    console.print(f"Duban is up: {url}/docs")
    console.print("Try:")
    console.print(local_sender.curl(url, key), markup=False)


def down(data: Data = DEFAULT_DATA) -> None:
    """Stop all processes; the data is kept."""
    Stack.attach(data).close()
    print("Duban is down; its data is kept.")


def status(data: Data = DEFAULT_DATA) -> None:
    """Show the processes and whether they are ready; exit code 1 when one is not."""
    state = Stack.attach(data).state
    table = Table(title=f"Duban: {state.phase}, clock x {state.scale:g}")
    for column in ("process", "pid", "up for", "restarts", "ready"):
        table.add_column(column)
    healthy = state.phase == "ready"
    for name, known in sorted(state.processes.items()):
        ready = _ready(state.operations.get(name))
        healthy = healthy and known.alive and ready in {"yes", "-"}
        age = f"{time.time() - known.started:.0f} s" if known.alive else "dead"
        table.add_row(name, str(known.pid), age, str(state.restarts.get(name, 0)), ready)
    Console().print(table)
    if not healthy:
        raise typer.Exit(1)


def _ready(port: int | None) -> str:
    if port is None:
        return "-"
    try:
        response = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2)
    except httpx.HTTPError:
        return "no answer"
    return "yes" if response.is_success else response.text.strip().replace("\n", "; ")


def logs(
    name: Annotated[str, typer.Argument(help="a service, or one process of it, such as ledger-2; empty: all")] = "",
    data: Data = DEFAULT_DATA,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="wait for new lines")] = False,  # noqa: FBT002
    lines: Annotated[int, typer.Option("-n", help="last lines of each file")] = TAIL,
) -> None:
    """Show the logs of the processes."""
    folder = DataFolder(data.resolve())
    logged = sorted(folder.logs.glob("*.log"))
    files = [file for file in logged if name in {"", file.stem, plan.service_of(file.stem)}]
    if not files:
        raise LocalError(f"there is no log of {name or 'any process'} in {folder.logs}: `duban up` starts the system")
    ends: dict[Path, int] = {}
    for file in files:
        content = file.read_bytes()
        ends[file] = len(content)
        for line in content.decode(errors="replace").splitlines()[-lines:]:
            _print(file.stem, line)
    while follow:
        time.sleep(FOLLOW_INTERVAL)
        for file in files:
            with file.open("rb") as opened:
                opened.seek(ends[file])
                new = opened.read()
            whole = new[: new.rfind(b"\n") + 1]
            ends[file] += len(whole)
            for line in whole.decode(errors="replace").splitlines():
                _print(file.stem, line)


def _print(name: str, line: str) -> None:
    try:
        entry = json.loads(line)
        rest = " ".join(
            f"{key}={value}"
            for key, value in entry.items()
            if key not in {"timestamp", "level", "event", "service", "logger"}
        )
        line = f"{entry['timestamp'][11:23]} {entry['level']:7} {entry['event']} {rest}"
    except (ValueError, KeyError, TypeError):
        pass
    sys.stdout.write(f"{name:12} {line}\n")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (up, down, status, logs):
        app.command()(command)
