"""`duban dlq list | show | replay`: dead letters, the records that no service could process."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from duban import system_connection
from duban.system_connection import DEFAULT_DATA, Data
from services.shared.kafka import dead_letter_admin
from services.shared.runtime.errors import DubanError

group = typer.Typer(help="Dead letters.", no_args_is_help=True)


@group.command(name="list")
def list_(data: Data = DEFAULT_DATA) -> None:
    """List the unresolved dead letters."""
    table = Table(title="Dead letters")
    for column in ("id", "at", "topic/partition/offset", "service", "reason", "message"):
        table.add_column(column, overflow="fold")
    for letter in dead_letter_admin.unresolved(system_connection.find(data).kafka):
        entry = letter.details
        place = f"{entry['topic']}/{entry['partition']}/{entry['offset']}"
        table.add_row(entry["id"][:8], entry["at"][:19], place, entry["service"], entry["reason"], entry["message"])
    Console().print(table)


@group.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="the id, or the beginning of it")],
    data: Data = DEFAULT_DATA,
    raw: Annotated[bool, typer.Option("--raw", help="only the original bytes")] = False,  # noqa: FBT002
) -> None:
    """Show one dead letter; with --raw its original bytes, to be corrected in a file."""
    letter = dead_letter_admin.find(system_connection.find(data).kafka, id_)
    if raw:
        sys.stdout.buffer.write(letter.value)
        return
    for name, value in letter.details.items():
        print(f"{name:10} {value}")
    print(f"{'bytes':10} {len(letter.value)}: `duban dlq show {letter.details['id'][:8]} --raw` writes them out")


@group.command()
def replay(
    id_: Annotated[str, typer.Argument(metavar="ID", help="the id, or the beginning of it")] = "",
    file: Annotated[Path | None, typer.Option(help="a file to send instead of the original bytes")] = None,
    reason: Annotated[str, typer.Option(help="replay all with this reason, for instance after a bug fix")] = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Send a dead letter to its topic again, which resolves it."""
    if bool(id_) == bool(reason):
        raise DubanError("give either an id, or --reason for all with that reason")
    if file is not None and not id_:
        raise DubanError("--file replaces one dead letter: give its id")
    system = system_connection.find(data)
    if id_:
        chosen = [dead_letter_admin.find(system.kafka, id_)]
    else:
        chosen = [letter for letter in dead_letter_admin.unresolved(system.kafka) if letter.details["reason"] == reason]
    repaired = file.read_bytes() if file is not None else None
    count = 0
    with system.connect() as connection:
        for letter in dead_letter_admin.replay(system.kafka, connection, chosen, repaired):
            count += 1
            print(f"{letter.details['id'][:8]} sent to {letter.details['topic']}")
    print(f"{count} replayed")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="dlq")
