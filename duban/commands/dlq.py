"""`duban dlq list | show | replay`: records that could not be used wait here for a person."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from duban import system_connection
from duban.system_connection import DEFAULT_DATA, Data
from services.shared.kafka import dead_letter_admin as box
from services.shared.runtime.errors import DubanError

group = typer.Typer(help="Dead letters.", no_args_is_help=True)


@group.command(name="list")
def list_(data: Data = DEFAULT_DATA) -> None:
    """Show every dead letter that nobody has resolved."""
    table = Table(title="Dead letters")
    for column in ("id", "at", "topic/partition/offset", "service", "reason", "what is wrong"):
        table.add_column(column, overflow="fold")
    for each in box.letters(system_connection.find(data).kafka):
        told = each.told
        place = f"{told['topic']}/{told['partition']}/{told['offset']}"
        table.add_row(told["id"][:8], told["at"][:19], place, told["service"], told["reason"], told["message"])
    Console().print(table)


@group.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="the id, or how it begins")],
    data: Data = DEFAULT_DATA,
    raw: Annotated[bool, typer.Option("--raw", help="only the original bytes, as they came")] = False,  # noqa: FBT002
) -> None:
    """Show one dead letter; with --raw its original bytes, to be repaired in a file."""
    letter = box.find(system_connection.find(data).kafka, id_)
    if raw:
        sys.stdout.buffer.write(letter.value)
        return
    for name, value in letter.told.items():
        print(f"{name:10} {value}")
    print(f"{'bytes':10} {len(letter.value)}: `duban dlq show {letter.told['id'][:8]} --raw` writes them out")


@group.command()
def replay(
    id_: Annotated[str, typer.Argument(metavar="ID", help="the id, or how it begins")] = "",
    file: Annotated[Path | None, typer.Option(help="send this instead of the original bytes")] = None,
    reason: Annotated[str, typer.Option(help="replay all with this reason, as after a mended bug")] = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Send a dead letter to the topic it came from, once more; then it is resolved."""
    if bool(id_) == bool(reason):
        raise DubanError("say which: an id, or --reason for all with that reason")
    if file is not None and not id_:
        raise DubanError("a repaired file stands for one dead letter: give its id")
    found = system_connection.find(data)
    if id_:
        chosen = [box.find(found.kafka, id_)]
    else:
        chosen = [each for each in box.letters(found.kafka) if each.told["reason"] == reason]
    repaired = file.read_bytes() if file is not None else None
    count = 0
    with found.connect() as connection:
        for each in box.replay(found.kafka, connection, chosen, repaired):
            count += 1
            print(f"{each.told['id'][:8]} sent to {each.told['topic']}")
    print(f"{count} replayed")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="dlq")
