"""`duban contacts import`: files of contacts go through the same door as everything else."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from duban import system_connection
from duban.file_import import FileImport
from duban.system_connection import DEFAULT_DATA, Data
from services.intake.channel_registry import MIGRATION, channels
from services.shared.runtime.errors import DubanError

group = typer.Typer(help="Contacts.", no_args_is_help=True)


@group.callback()
def _contacts() -> None:
    """Contacts."""


@group.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV, XLSX, NDJSON, JSON, .eml, mbox, or a log of calls")],
    channel: Annotated[str, typer.Option(help="the channel that wrote the file, or one in our own words")],
    data: Data = DEFAULT_DATA,
    settings: Annotated[list[str] | None, typer.Option("--set", help="a setting of the channel: key=value")] = None,
    mappings: Annotated[Path | None, typer.Option(help="the folder with mappings of your own")] = None,
    anew: Annotated[bool, typer.Option("--anew", help="begin with the first one, whatever was done before")] = False,  # noqa: FBT002
) -> None:
    """Put a file's contacts in. Interrupted, the same command goes on where it was; nothing is counted twice.

    What cannot be used is reported beside the file, in its own format (FILE.refused.csv, .ndjson or .mbox), and goes in
    again once it is mended; exit code 1 when there is any.
    """
    bring_in(file, channel, data, settings, mappings, anew=anew)


def bring_in(
    file: Path, channel: str, data: Path, settings: list[str] | None, mappings: Path | None, *, anew: bool
) -> None:
    """Put a file in and show how it goes; exits with 1 when something of it was refused."""
    console = Console()
    try:
        table = channels(*([mappings] if mappings is not None else []))
        told = dict(each.split("=", 1) for each in settings or ())
    except ValueError as error:
        raise DubanError(f"{error}: write --set key=value") from error
    with system_connection.find(data).http() as client:
        work = FileImport(file, channel, client, table=table, settings=told, anew=anew)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TextColumn("{task.fields[rows]} rows"),
        )
        with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
            task = bar.add_task(file.name, total=work.size, rows=work.done)
            for done in work.run():
                bar.update(task, completed=work.position, rows=done)
            bar.update(task, completed=work.size)
    before = f", {work.skipped} of them by a run before" if work.skipped else ""
    console.print(f"{work.accepted} accepted, {work.refused} refused{before}", highlight=False)
    if work.refused:
        console.print(f"the refused rows, with field and reason: {work.report}", highlight=False, soft_wrap=True)
        raise typer.Exit(1)


def _tickets() -> None:
    """Many tickets."""


def import_tickets(
    file: Annotated[
        Path, typer.Argument(help="CSV, XLSX or NDJSON, a ticket each; docs/migration.md lists the columns")
    ],
    data: Data = DEFAULT_DATA,
    mappings: Annotated[Path | None, typer.Option(help="the folder with a migration.toml of your own")] = None,
    anew: Annotated[bool, typer.Option("--anew", help="begin with the first one, whatever was done before")] = False,  # noqa: FBT002
) -> None:
    """Bring in the open tickets of the system before, in their stage and with the time they have used.

    The promise to the customer counts from `contacted_at`; a ticket that is late already is said to be so. Nobody is
    told what the system before has told. Interrupted or repeated, no ticket comes twice.
    """
    bring_in(file, MIGRATION, data, None, mappings, anew=anew)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="contacts")
    tickets = typer.Typer(help="Many tickets.", no_args_is_help=True)
    tickets.callback()(_tickets)
    tickets.command(name="import")(import_tickets)
    app.add_typer(tickets, name="tickets")
