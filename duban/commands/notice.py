"""`duban notice list | retry`: notices that reached nobody, and sending them again (R5.7)."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from duban import system_connection
from duban.system_connection import DEFAULT_DATA, Data
from services.notifier import store
from services.shared.runtime.errors import DubanError

group = typer.Typer(help="Notices that reached nobody.", no_args_is_help=True)
LIMIT = 200
"""Notices that are listed, at the most."""
Means = Annotated[str, typer.Option(help="sms or mail: the channel that was tried last; none: any")]
Hours = Annotated[float, typer.Option(help="failed within the last hours of business time")]


@group.command(name="list")
def list_(means: Means = "", hours: Hours = 24.0, data: Data = DEFAULT_DATA) -> None:
    """List notices that reached nobody, newest first, at most 200."""
    system = system_connection.find(data)
    since = system.clock().now() - timedelta(hours=hours)
    with system.connect() as connection:
        found = store.undelivered(connection, since=since, means=means or None, limit=LIMIT)
    table = Table(
        "notice", "ticket", "recipient", "letter", "means", "failed at", "reason", box=None, padding=(0, 2, 0, 0)
    )
    for failed in found:
        cells = (failed.ticket, failed.audience, failed.template, failed.means)
        table.add_row(str(failed.id), *cells, failed.settled_at.isoformat(timespec="minutes"), failed.error or "")
    Console(highlight=False).print(table if found else "none")


@group.command()
def retry(
    notice: Annotated[list[UUID] | None, typer.Argument(help="as `duban notice list` shows them; none: all")] = None,
    means: Means = "",
    hours: Hours = 24.0,
    data: Data = DEFAULT_DATA,
) -> None:
    """Send notices that reached nobody again, from their first channel on; obsolete ones are not sent."""
    system = system_connection.find(data)
    since = system.clock().now() - timedelta(hours=hours)
    with system.connect() as connection:
        count = store.requeue_failed(connection, since=since, means=means or None, ids=notice or None)
    if notice and not count:
        raise DubanError("none of these failed within that time: `duban notice list --hours` shows those that did")
    print(f"{count} notices queued again")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="notice")
