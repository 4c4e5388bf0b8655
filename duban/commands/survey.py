"""`duban survey sample`: tickets for a study by a third party, drawn so that anyone can draw them again (R5.4)."""

import csv
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from duban import target
from duban.target import DEFAULT_DATA, Data
from schemas.ticket import Ticket
from services.domain import sampling
from services.ledger import store
from services.shared.errors import DubanError

group = typer.Typer(help="Studies of satisfaction.", no_args_is_help=True)
ZONE = "Asia/Shanghai"
COLUMNS = ("number", "accepted", "answered_with", "process", "result", "staff", "comment", "attitude_at_answer")


@group.callback()
def about() -> None:
    """Studies of satisfaction."""


@group.command()
def sample(
    begin: Annotated[str, typer.Option("--from", help="first day of acceptance, 2026-03-01")],
    until: Annotated[str, typer.Option(help="the day after the last")],
    size: Annotated[int, typer.Option(min=1, help="tickets in the sample")] = 400,
    by: Annotated[str, typer.Option(help=f"strata: {', '.join(sampling.BY)}")] = "region,business_type",
    seed: Annotated[str, typer.Option(help="the same seed draws the same tickets")] = "1",
    pack: Annotated[str, typer.Option(help="the policy pack")] = "carrier",
    contacts: Annotated[bool, typer.Option(help="with name and phone, for those who have to call")] = False,  # noqa: FBT002
    out: Annotated[Path | None, typer.Option(help="file to write; none: standard output")] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Draw a stratified sample of answered tickets and write it with what the customers said, as CSV."""
    keys = [each.strip() for each in by.split(",") if each.strip()]
    unknown = [each for each in keys if each not in sampling.BY]
    if unknown:
        raise DubanError(f"there is no {unknown[0]!r} to stratify by: choose of {', '.join(sampling.BY)}")
    with target.find(data).connect() as connection:
        found = [
            each for each, _ in store.history(connection, pack, _day(begin), _day(until)) if each.outcome.explanation
        ]
    chosen = sampling.choose(found, size, keys, seed)
    print(f"{len(chosen)} of {len(found)} answered tickets, seed {seed}", file=sys.stderr)
    with out.open("w", encoding="utf-8-sig", newline="") if out is not None else sys.stdout as file:
        writer = csv.writer(file)
        writer.writerow([*keys, *COLUMNS, *(("name", "phone") if contacts else ())])
        for each in chosen:
            strata = [sampling.BY[key](each) or "" for key in keys]
            whom = (_safe(each.customer.name), each.customer.phone or "") if contacts else ()
            writer.writerow([*strata, *_row(each), *whom])


def _row(ticket: Ticket) -> tuple[object, ...]:
    survey = ticket.survey
    scores = (survey.process, survey.result, survey.staff) if survey is not None else ("", "", "")
    comment = _safe(survey.comment) if survey is not None else ""
    agreement = ticket.outcome.agreement or ""
    return (ticket.number, f"{ticket.accepted_at:%Y-%m-%d}", ticket.outcome.result or "", *scores, comment, agreement)


def _safe(text: str | None) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text and text[0] in "=+-@\t\r" else text or ""


def _day(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE))
    except ValueError as error:
        raise DubanError(f"{text!r} is no day: write it as 2026-03-01") from error


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="survey")
