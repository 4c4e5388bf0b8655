"""`duban contacts import` and `duban tickets import`: files are sent through the HTTP door like any other message."""

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
    file: Annotated[Path, typer.Argument(help="CSV, XLSX, NDJSON, JSON, .eml, mbox, or a call log")],
    channel: Annotated[
        str, typer.Option(help="the channel in whose format the file is, or a name for contacts in our own format")
    ],
    data: Data = DEFAULT_DATA,
    settings: Annotated[list[str] | None, typer.Option("--set", help="a setting of the channel: key=value")] = None,
    mappings: Annotated[Path | None, typer.Option(help="a folder with mappings of your own")] = None,
    anew: Annotated[bool, typer.Option("--anew", help="start again with the first message")] = False,  # noqa: FBT002
) -> None:
    """Import the contacts of a file. After an interruption the same command continues; nothing is counted twice.

    Refused messages are written to a report beside the file, in its own format (FILE.refused.csv, .ndjson or .mbox),
    which can be corrected and imported. In the end the sum is printed for the file, or for each sheet: rows that came
    in = accepted + kept (without a message, by reason) + refused; exit code 1 when any was refused or is missing.
    """
    import_file(file, channel, data, settings, mappings, anew=anew)


def import_file(
    file: Path, channel: str, data: Path, settings: list[str] | None, mappings: Path | None, *, anew: bool
) -> None:
    """Import a file and show the progress; exits with code 1 when any message was refused.

    Raises:
        DubanError: the mappings or settings are invalid, the file cannot be read, or intake does not accept it.

    """
    console = Console()
    try:
        table = channels(*([mappings] if mappings is not None else []))
        options = dict(setting.split("=", 1) for setting in settings or ())
    except ValueError as error:
        raise DubanError(f"{error}: write --set key=value") from error
    with system_connection.find(data).http() as client:
        run = FileImport(file, channel, client, table=table, settings=options, anew=anew)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TextColumn("{task.fields[rows]} rows"),
        )
        with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
            task = bar.add_task(file.name, total=run.size, rows=run.done)
            for done in run.run():
                bar.update(task, completed=run.position, rows=done)
            bar.update(task, completed=run.size)
    earlier = f", {run.skipped} of them by an earlier run" if run.skipped else ""
    console.print(f"{run.accepted} accepted, {run.refused} refused{earlier}", highlight=False)
    for line in run.account.lines(file.name):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if run.refused:
        console.print(f"the refused rows, with field and reason: {run.report}", highlight=False, soft_wrap=True)
    if not run.account.is_complete:
        console.print("not everything that came in is accounted for: please report this", highlight=False)
    if run.refused or not run.account.is_complete:
        raise typer.Exit(1)


def _tickets() -> None:
    """Many tickets."""


def import_tickets(
    file: Annotated[
        Path, typer.Argument(help="CSV, XLSX or NDJSON, one ticket per row; docs/migration.md lists the columns")
    ],
    data: Data = DEFAULT_DATA,
    mappings: Annotated[Path | None, typer.Option(help="the folder with a migration.toml of your own")] = None,
    anew: Annotated[bool, typer.Option("--anew", help="start again with the first message")] = False,  # noqa: FBT002
) -> None:
    """Import the open tickets of the previous system, in their stage and with the time they have used.

    The promise to the customer counts from `contacted_at`; a ticket that is late already counts as such. No notices
    are sent for what the previous system has announced. Interrupted or repeated, no ticket is imported twice.
    """
    import_file(file, MIGRATION, data, None, mappings, anew=anew)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="contacts")
    tickets = typer.Typer(help="Many tickets.", no_args_is_help=True)
    tickets.callback()(_tickets)
    tickets.command(name="import")(import_tickets)
    app.add_typer(tickets, name="tickets")
