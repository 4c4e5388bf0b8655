"""`duban contacts import`: files of contacts go through the same door as everything else."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from duban import target
from duban.importing import Import
from duban.target import DEFAULT_DATA, Data

group = typer.Typer(help="Contacts.", no_args_is_help=True)


@group.callback()
def _contacts() -> None:
    """Contacts."""


@group.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV (UTF-8 or GB18030, with a line of names) or NDJSON")],
    channel: Annotated[
        str, typer.Option(help="the channel that wrote the file: store, hotline, or one in our own words")
    ],
    data: Data = DEFAULT_DATA,
    anew: Annotated[bool, typer.Option("--anew", help="begin with the first row, whatever was done before")] = False,  # noqa: FBT002
) -> None:
    """Put a file's contacts in. Interrupted, the same command goes on where it was; nothing is counted twice.

    Rows that cannot be used are reported beside the file, in FILE.refused.csv; exit code 1 when there are any.
    """
    console = Console()
    with target.find(data).http() as client:
        work = Import(file, channel, client, anew=anew)
        with Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
        ) as bar:
            task = bar.add_task(file.name, total=work.total, completed=work.done)
            for done in work.run():
                bar.update(task, completed=done)
    console.print(f"{work.accepted} accepted, {work.refused} refused, {work.skipped} done before", highlight=False)
    if work.refused:
        console.print(f"the refused rows, with field and reason: {work.report}", highlight=False, soft_wrap=True)
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="contacts")
