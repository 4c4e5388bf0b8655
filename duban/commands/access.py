"""`duban access list`: who read which ticket, when, by what and why (R5.6)."""

import csv
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from duban import display, system_connection
from duban.defaults import DEFAULT_ZONE
from duban.option_times import Zone, parse_instant
from duban.spreadsheet_cells import safe_cell
from duban.system_connection import DEFAULT_DATA, Data
from services.intake import access_log
from services.intake.access_log import AccessFilter, StoredAccess
from services.intake.domain.phones import parse_phone
from services.shared.runtime.errors import DubanError

group = typer.Typer(help="Who read which ticket.", no_args_is_help=True)
COLUMNS = ("at", "key", "person", "route", "sought", "tickets", "fields", "purpose")


class AccessFormat(StrEnum):
    """How the readings are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@group.command(name="list")
def list_(
    ticket: Annotated[str, typer.Option(help="only readings that showed this ticket, by its number")] = "",
    key: Annotated[str, typer.Option(help="only by this sender's key; duban: by the command line")] = "",
    person: Annotated[str, typer.Option(help="only by this person")] = "",
    phone: Annotated[str, typer.Option(help="only searches for this phone number, which is kept as a hash alone")] = "",
    identity: Annotated[str, typer.Option(help="only searches for this identity, likewise")] = "",
    since: Annotated[str, typer.Option(help="from this real time on, ISO 8601, in --zone unless it says so")] = "",
    until: Annotated[str, typer.Option(help="before this real time, likewise")] = "",
    limit: Annotated[int, typer.Option(min=1, help="at most so many, the latest")] = 1000,
    form: Annotated[
        AccessFormat, typer.Option("--format", help="table, json (one per line) or csv")
    ] = AccessFormat.TABLE,
    zone: Zone = DEFAULT_ZONE,
    data: Data = DEFAULT_DATA,
) -> None:
    """List readings of tickets: who, when, which, by what, whether masked, and why; never their content."""
    system = system_connection.find(data)
    wanted = AccessFilter(
        ticket=ticket or None,
        key=key or None,
        person=person or None,
        since=parse_instant(since, option="--since", zone=zone) if since else None,
        until=parse_instant(until, option="--until", zone=zone) if until else None,
        digest=_digest(phone, identity, system),
        limit=limit,
    )
    with system.connect() as connection:
        rows = [_row(stored, zone) for stored in access_log.load(connection, wanted)]
    _print(rows, form)


def _digest(phone: str, identity: str, system: system_connection.SystemConnection) -> bytes | None:
    if phone and identity:
        raise DubanError("give --phone or --identity: a search is recorded by one of them")
    if identity:
        return access_log.search_digest("identity", identity, system.contact_key_secret)
    if not phone:
        return None
    parsed = parse_phone(phone)
    if parsed is None:
        raise DubanError(f"{phone!r} is not a phone number: write it with its area code")
    return access_log.search_digest("phone", parsed.number, system.contact_key_secret)


def _row(stored: StoredAccess, zone: str) -> dict[str, Any]:
    at = stored.at.astimezone(ZoneInfo(zone)).isoformat(timespec="seconds")
    return asdict(stored) | {"at": at, "tickets": list(stored.tickets)}


def _print(rows: Iterable[dict[str, Any]], form: AccessFormat) -> None:
    if form is AccessFormat.JSON:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))
        return
    cells = [[*({**row, "tickets": " ".join(row["tickets"])}[name] for name in COLUMNS)] for row in rows]
    if form is AccessFormat.CSV:
        writer = csv.writer(sys.stdout)
        writer.writerow(COLUMNS)
        writer.writerows(map(safe_cell, line) for line in cells)
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in COLUMNS:
        table.add_column(column, no_wrap=column == "at")
    for line in cells:
        table.add_row(*("-" if cell in {None, ""} else str(cell) for cell in line))
    display.console().print(table if cells else "nobody has read a ticket like this")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="access")
