"""`duban survey sample | list | export`: samples of tickets for satisfaction studies by a third party (R5.4)."""

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import psycopg
import typer
from rich.console import Console
from rich.table import Table

from duban import system_connection
from duban.defaults import DEFAULT_PACK
from duban.option_times import parse_instant
from duban.policy_folder import DEFAULT_POLICIES, PolicyFolder
from duban.spreadsheet_cells import safe_cell
from duban.system_connection import DEFAULT_DATA, Data
from schemas.ticket import Ticket
from services.callback import survey_samples
from services.callback.survey_samples import SurveySample
from services.domain import sampling
from services.domain.policy import loading
from services.ledger import store
from services.shared.runtime.errors import DubanError

group = typer.Typer(help="Samples for satisfaction studies.", no_args_is_help=True)
COLUMNS = ("number", "accepted", "answered_with", "process", "result", "staff", "comment", "attitude_at_answer")
CONTACT_COLUMNS = ("name", "phone")

Contacts = Annotated[bool, typer.Option(help="with name and phone of the customers, for interviews")]
Out = Annotated[Path | None, typer.Option(help="the file to write; none: standard output")]


@group.command()
def sample(
    begin: Annotated[str, typer.Option("--from", help="first day of acceptance, 2026-03-01")],
    until: Annotated[str, typer.Option(help="the day after the last")],
    size: Annotated[int, typer.Option(min=1, help="tickets in the sample")] = 400,
    by: Annotated[str, typer.Option(help=f"strata: {', '.join(sampling.STRATIFIERS)}")] = "region,business_type",
    seed: Annotated[str, typer.Option(help="the same seed draws the same sample of the same tickets")] = "1",
    pack: Annotated[str, typer.Option(help="the policy pack")] = DEFAULT_PACK,
    name: Annotated[str, typer.Option(help="name of the sample; none: made of pack, days, strata, size and seed")] = "",
    contacts: Contacts = False,  # noqa: FBT002
    out: Out = None,
    policies: PolicyFolder = DEFAULT_POLICIES,
    data: Data = DEFAULT_DATA,
) -> None:
    """Draw a stratified sample of answered tickets, save it by name, and write it with its answers as CSV.

    The same command writes the same tickets again, whatever was answered meanwhile.
    """
    keys = [key.strip() for key in by.split(",") if key.strip()]
    unknown = [key for key in keys if key not in sampling.STRATIFIERS]
    if unknown:
        raise DubanError(f"there is no {unknown[0]!r} to stratify by: choose one of {', '.join(sampling.STRATIFIERS)}")
    zone = loading.load_one(policies, pack).header.zone
    since = parse_instant(begin, option="--from", zone=zone)
    end = parse_instant(until, option="--to", zone=zone)
    system = system_connection.find(data)
    now = system.clock().now()
    title = name or "-".join((pack, begin, until, by, str(size), seed))
    with system.connect() as connection:
        history = store.case_histories(connection, pack, since, end)
        answered = (ticket for ticket, _ in history if ticket.outcome.explanation)
        chosen = sampling.draw_sample(answered, size, keys, seed)
        drawn = SurveySample(title, pack, since, end, size, keys, seed, chosen.population, chosen.tickets, now)
        saved = survey_samples.save_sample(connection, drawn)
        if not saved.same_plan_as(drawn):
            raise DubanError(
                f"the sample {title!r} was drawn with other options on {saved.drawn_at:%Y-%m-%d}: "
                f"choose another --name, or write that one with `duban survey export {title}`"
            )
        _write(connection, saved, zone, out, contacts=contacts)


@group.command(name="list")
def list_(data: Data = DEFAULT_DATA) -> None:
    """List the samples that were drawn, with their options."""
    with system_connection.find(data).connect() as connection:
        found = survey_samples.list_samples(connection)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("name", "pack", "accepted from", "until", "strata", "seed", "tickets", "of"):
        table.add_column(column, no_wrap=column == "name")
    for drawn in found:
        days = (f"{drawn.accepted_from:%Y-%m-%d %H:%M%z}", f"{drawn.accepted_until:%Y-%m-%d %H:%M%z}")
        counts = (str(len(drawn.tickets)), str(drawn.population))
        table.add_row(drawn.name, drawn.policy, *days, ",".join(drawn.strata), drawn.seed, *counts)
    Console(highlight=False).print(table if found else "no sample was drawn yet: `duban survey sample` draws one")


@group.command()
def export(
    name: Annotated[str, typer.Argument(help="name of the sample, as `duban survey list` shows it")],
    contacts: Contacts = False,  # noqa: FBT002
    out: Out = None,
    policies: PolicyFolder = DEFAULT_POLICIES,
    data: Data = DEFAULT_DATA,
) -> None:
    """Write a sample that was drawn earlier, with the survey answers so far, as CSV."""
    with system_connection.find(data).connect() as connection:
        found = survey_samples.find_sample(connection, name)
        if found is None:
            raise DubanError(f"there is no sample {name!r}: `duban survey list` shows the samples")
        _write(connection, found, loading.load_one(policies, found.policy).header.zone, out, contacts=contacts)


def _write(connection: psycopg.Connection, drawn: SurveySample, zone: str, out: Path | None, *, contacts: bool) -> None:
    tickets, _ = store.load_tickets(connection, drawn.tickets)
    present = [tickets[id_] for id_ in drawn.tickets if id_ in tickets]
    content = to_csv(present, drawn.strata, zone, contacts=contacts)
    print(
        f"sample {drawn.name}: {len(drawn.tickets)} of {drawn.population} tickets that were answered "
        f"on {drawn.drawn_at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}, seed {drawn.seed}",
        file=sys.stderr,
    )
    if out is None:
        sys.stdout.write(content)
    else:
        # With a byte order mark, by which spreadsheets recognise UTF-8.
        out.write_text(content, encoding="utf-8-sig", newline="")


def to_csv(tickets: list[Ticket], strata: list[str], zone: str, *, contacts: bool) -> str:
    """Return tickets with their survey answers as CSV in which no cell is a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*strata, *COLUMNS, *(CONTACT_COLUMNS if contacts else ())])
    for ticket in tickets:
        contact = (ticket.customer.name, ticket.customer.phone) if contacts else ()
        stratum = (sampling.STRATIFIERS[key](ticket) for key in strata)
        writer.writerow(map(safe_cell, (*stratum, *_row(ticket, zone), *contact)))
    return text.getvalue()


def _row(ticket: Ticket, zone: str) -> Iterator[str | int | None]:
    yield ticket.number
    yield f"{ticket.accepted_at.astimezone(ZoneInfo(zone)):%Y-%m-%d}"
    yield ticket.outcome.result
    survey = ticket.survey
    yield from (survey.process, survey.result, survey.staff, survey.comment) if survey is not None else (None,) * 4
    yield ticket.outcome.agreement


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="survey")
