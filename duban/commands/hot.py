"""`duban hot list | show | close`: many complaints that are one, and the report of the defect behind them (R3.7)."""

from collections import Counter
from datetime import timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import psycopg
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from duban import system_connection
from duban.system_connection import DEFAULT_DATA, Data
from schemas.hot_issue import HotIssue
from schemas.ticket import Ticket
from services.hot_issues import store
from services.hot_issues.domain.burst_detection import IssueClosing
from services.shared.runtime.errors import DubanError

group = typer.Typer(help="Hot issues.", no_args_is_help=True)
ZONE = "Asia/Shanghai"
EXAMPLES = 5
Zone = Annotated[str, typer.Option(help="time zone of the times shown")]


@group.command(name="list")
def list_(
    data: Data = DEFAULT_DATA,
    all_: Annotated[bool, typer.Option("--all", help="the closed ones too")] = False,  # noqa: FBT002
    zone: Zone = ZONE,
) -> None:
    """List hot issues, newest first."""
    with system_connection.find(data).connect() as connection:
        found = store.find(connection, all_=all_)
    table = Table(
        "issue", "what", "where", "status", "since", "tickets", "last hour", "usual", box=None, padding=(0, 2, 0, 0)
    )
    for each in found:
        usual = "?" if each.usual is None else f"{each.usual:.1f}"
        since = f"{each.opened_at.astimezone(ZoneInfo(zone)):%m-%d %H:%M}"
        what = f"{each.business_type} / {each.problem_type}"
        row = (
            str(each.id)[:8],
            what,
            each.region,
            each.status,
            since,
            str(each.tickets),
            str(each.recent),
            usual,
        )
        table.add_row(*row)
    Console(highlight=False).print(table if found else "no hot issues")


@group.command()
def show(issue: str, data: Data = DEFAULT_DATA, zone: Zone = ZONE) -> None:
    """Show a hot issue as a report of the product's defect: how many, where, what customers say, what became of it."""
    with system_connection.find(data).connect() as connection:
        found = _find(connection, issue)
        tickets = store.tickets(connection, found.id)
    Console(highlight=False).print(report(found, tickets, zone))


@group.command()
def close(
    issue: str,
    reason: Annotated[str, typer.Option(help="why it is over")],
    name: Annotated[str, typer.Option(help="who you are")] = "duban",
    data: Data = DEFAULT_DATA,
) -> None:
    """Say that a hot issue is over; new complaints of its kind may open another."""
    with system_connection.find(data).connect() as connection:
        found = _find(connection, issue)
        if not store.ask_to_close(connection, found.id, IssueClosing(name, reason)):
            raise DubanError(f"the hot issue {issue} is closed already")
    print(f"{found.id} will be closed within seconds")


def _find(connection: psycopg.Connection, begin: str) -> HotIssue:
    found = store.by_id(connection, begin.lower())
    if len(found) != 1:
        trouble = "no hot issue begins with" if not found else "more than one hot issue begins with"
        raise DubanError(f"{trouble} {begin!r}: `duban hot list --all` shows them")
    return found[0]


def report(issue: HotIssue, tickets: list[Ticket], zone: str) -> Text:
    """Return what is known of the defect behind a hot issue."""
    there = ZoneInfo(zone)

    def at(moment: object) -> str:
        return f"{moment.astimezone(there):%Y-%m-%d %H:%M}" if hasattr(moment, "astimezone") else "-"

    def most(values: Counter[str]) -> str:
        return ", ".join(f"{name} {count}" for name, count in values.most_common(EXAMPLES)) or "-"

    spans = sorted(each.closed_at - each.accepted_at for each in tickets if each.closed_at is not None)
    usual = "not known yet" if issue.usual is None else f"{issue.usual:.1f}"
    facts = {
        "What": f"{issue.business_type} / {issue.problem_type}, {issue.region} ({issue.policy})",
        "Status": f"{issue.status}, change {issue.version}",
        "Opened": at(issue.opened_at),
        "Calm since": at(issue.calm_since),
        "Closed": f"{at(issue.closed_at)} {issue.closed_by or ''} {issue.reason or ''}".strip(),
        "Tickets": f"{len(tickets)}; most in an hour {issue.peak}, in the last hour {issue.recent}, usual {usual}",
        "Customers": str(len({each.customer.number or each.customer.phone or each.id for each in tickets})),
        "Reminders": str(sum(each.reminders for each in tickets)),
        "By tier": most(Counter(each.classification.tier for each in tickets)),
        "By channel": most(Counter(each.channel for each in tickets)),
        "With": most(Counter(each.unit or each.centre for each in tickets)),
        "By status": most(Counter(each.status.value for each in tickets)),
        "Deadlines missed": str(sum(each.breaches for each in tickets)),
        "Causes found": most(Counter(each.outcome.cause for each in tickets if each.outcome.cause)),
        "Time to close": str(spans[len(spans) // 2] - timedelta(microseconds=spans[len(spans) // 2].microseconds))
        if spans
        else "-",
    }
    text = Text("Report of a product defect\n\n", style="bold")
    for name, value in facts.items():
        text.append(f"{name:<18}", style="dim").append(f"{value}\n")
    text.append("\nWhat customers say\n", style="bold")
    for each in tickets[:EXAMPLES]:
        text.append(f"{each.number}  {at(each.accepted_at)}  ", style="dim").append(f"{each.subject[:100]}\n")
    return text


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="hot")
