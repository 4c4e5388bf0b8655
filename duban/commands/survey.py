"""`duban survey sample | list | export`: tickets for a study by a third party, drawn once and for good (R5.4)."""

import csv
import io
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import psycopg
import typer
from rich.console import Console
from rich.table import Table

from duban import system_connection
from duban.policy_folder import DEFAULT_POLICIES, PolicyFolder
from duban.system_connection import DEFAULT_DATA, Data
from schemas.ticket import Ticket
from services.callback import survey_samples
from services.callback.survey_samples import SurveySample
from services.domain import sampling
from services.domain.policy import loading
from services.ledger import store
from services.shared.runtime.errors import DubanError

group = typer.Typer(help="Studies of satisfaction.", no_args_is_help=True)
COLUMNS = ("number", "accepted", "answered_with", "process", "result", "staff", "comment", "attitude_at_answer")
CONTACTS = ("name", "phone")
RISKY = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""

Contacts = Annotated[bool, typer.Option(help="with name and phone, for those who have to call")]
Out = Annotated[Path | None, typer.Option(help="file to write; none: standard output")]


@group.command()
def sample(
    begin: Annotated[str, typer.Option("--from", help="first day of acceptance, 2026-03-01")],
    until: Annotated[str, typer.Option(help="the day after the last")],
    size: Annotated[int, typer.Option(min=1, help="tickets in the sample")] = 400,
    by: Annotated[str, typer.Option(help=f"strata: {', '.join(sampling.STRATIFIERS)}")] = "region,business_type",
    seed: Annotated[str, typer.Option(help="the same seed draws the same of the same tickets")] = "1",
    pack: Annotated[str, typer.Option(help="the policy pack")] = "carrier",
    name: Annotated[str, typer.Option(help="what the sample is called; none: after pack, days, size and seed")] = "",
    contacts: Contacts = False,  # noqa: FBT002
    out: Out = None,
    policies: PolicyFolder = DEFAULT_POLICIES,
    data: Data = DEFAULT_DATA,
) -> None:
    """Draw a stratified sample of answered tickets, keep it under its name, and write it with the answers, as CSV.

    The same command again writes the same tickets, whatever was answered meanwhile.
    """
    keys = [each.strip() for each in by.split(",") if each.strip()]
    unknown = [each for each in keys if each not in sampling.STRATIFIERS]
    if unknown:
        raise DubanError(f"there is no {unknown[0]!r} to stratify by: choose of {', '.join(sampling.STRATIFIERS)}")
    zone = loading.load_one(policies, pack).header.zone
    since, end = _day(begin, zone), _day(until, zone)
    system = system_connection.find(data)
    now = system.clock().now()
    called = name or "-".join((pack, begin, until, by, str(size), seed))
    with system.connect() as connection:
        found = [each for each, _ in store.history(connection, pack, since, end) if each.outcome.explanation]
        chosen = [each.id for each in sampling.draw_sample(found, size, keys, seed)]
        drawn = SurveySample(called, pack, since, end, size, keys, seed, len(found), chosen, now)
        kept = survey_samples.keep(connection, drawn)
        if not kept.drawn_like(drawn):
            raise DubanError(
                f"the sample {called!r} was drawn by another plan on {kept.drawn_at:%Y-%m-%d}: choose another --name, "
                f"or write that one with `duban survey export {called}`"
            )
        _write(connection, kept, zone, out, contacts=contacts)


@group.command(name="list")
def list_(data: Data = DEFAULT_DATA) -> None:
    """List the samples that were drawn, and how."""
    with system_connection.find(data).connect() as connection:
        found = survey_samples.every(connection)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("name", "pack", "accepted from", "until", "strata", "seed", "tickets", "of"):
        table.add_column(column, no_wrap=column == "name")
    for each in found:
        days = (f"{each.accepted_from:%Y-%m-%d %H:%M%z}", f"{each.accepted_until:%Y-%m-%d %H:%M%z}")
        counts = (str(len(each.tickets)), str(each.population))
        table.add_row(each.name, each.policy, *days, ",".join(each.strata), each.seed, *counts)
    Console(highlight=False).print(table if found else "no sample was drawn yet: `duban survey sample` draws one")


@group.command()
def export(
    name: str,
    contacts: Contacts = False,  # noqa: FBT002
    out: Out = None,
    policies: PolicyFolder = DEFAULT_POLICIES,
    data: Data = DEFAULT_DATA,
) -> None:
    """Write a sample that was drawn before, with what its customers have said so far, as CSV."""
    with system_connection.find(data).connect() as connection:
        found = survey_samples.named(connection, name)
        if found is None:
            raise DubanError(f"there is no sample {name!r}: `duban survey list` shows those that were drawn")
        _write(connection, found, loading.load_one(policies, found.policy).header.zone, out, contacts=contacts)


def _write(connection: psycopg.Connection, kept: SurveySample, zone: str, out: Path | None, *, contacts: bool) -> None:
    tickets, _ = store.load_tickets(connection, kept.tickets)
    told = table([tickets[each] for each in kept.tickets if each in tickets], kept.strata, zone, contacts=contacts)
    print(
        f"sample {kept.name}: {len(kept.tickets)} of {kept.population} tickets that were answered "
        f"on {kept.drawn_at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}, seed {kept.seed}",
        file=sys.stderr,
    )
    if out is None:
        sys.stdout.write(told)
    else:
        # With a byte order mark, by which spreadsheets know the encoding.
        out.write_text(told, encoding="utf-8-sig", newline="")


def table(tickets: list[Ticket], strata: list[str], zone: str, *, contacts: bool) -> str:
    """Return tickets with what their customers said, as CSV of which no cell is a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*strata, *COLUMNS, *(CONTACTS if contacts else ())])
    for each in tickets:
        whom = (each.customer.name, each.customer.phone) if contacts else ()
        writer.writerow(map(_safe, (*(sampling.STRATIFIERS[key](each) for key in strata), *_row(each, zone), *whom)))
    return text.getvalue()


def _row(ticket: Ticket, zone: str) -> Iterator[str | int | None]:
    yield ticket.number
    yield f"{ticket.accepted_at.astimezone(ZoneInfo(zone)):%Y-%m-%d}"
    yield ticket.outcome.result
    survey = ticket.survey
    yield from (survey.process, survey.result, survey.staff, survey.comment) if survey is not None else (None,) * 4
    yield ticket.outcome.agreement


def _safe(cell: str | int | None) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(RISKY) else text


def _day(text: str, zone: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    except ValueError as error:
        raise DubanError(f"{text!r} is no day: write it as 2026-03-01") from error


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="survey")
