"""`duban hot list | show | close`: hot issues, and the report of the product defect behind one (R3.7)."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import psycopg
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from duban import system_connection
from duban.arguments import IssueId
from duban.defaults import DEFAULT_ZONE
from duban.option_times import Zone
from duban.system_connection import DEFAULT_DATA, Data
from schemas.hot_issue import HotIssue
from schemas.ticket import Ticket
from services.hot_issues import store
from services.hot_issues.domain.burst_detection import IssueClosing
from services.shared.runtime.errors import DubanError

group = typer.Typer(help="Hot issues.", no_args_is_help=True)
EXAMPLES = 5
"""Values of a breakdown, and tickets, that a report shows."""
LONGEST_SUBJECT = 100


@group.command(name="list")
def list_(
    data: Data = DEFAULT_DATA,
    all_: Annotated[bool, typer.Option("--all", help="closed ones too")] = False,  # noqa: FBT002
    zone: Zone = DEFAULT_ZONE,
) -> None:
    """List hot issues, newest first."""
    with system_connection.find(data).connect() as connection:
        found = store.list_issues(connection, include_closed=all_)
    table = Table(
        "issue", "what", "where", "status", "since", "tickets", "last hour", "usual", box=None, padding=(0, 2, 0, 0)
    )
    for issue in found:
        usual = "?" if issue.usual is None else f"{issue.usual:.1f}"
        since = f"{issue.opened_at.astimezone(ZoneInfo(zone)):%m-%d %H:%M}"
        what = f"{issue.business_type} / {issue.problem_type}"
        row = (
            str(issue.id)[:8],
            what,
            issue.region,
            issue.status,
            since,
            str(issue.tickets),
            str(issue.recent),
            usual,
        )
        table.add_row(*row)
    Console(highlight=False).print(table if found else "no hot issues")


@group.command()
def show(issue: IssueId, data: Data = DEFAULT_DATA, zone: Zone = DEFAULT_ZONE) -> None:
    """Show a hot issue as a report of the product's defect: how many, where, the customers' words, and the outcome."""
    with system_connection.find(data).connect() as connection:
        found = _find(connection, issue)
        tickets = store.tickets_of_issue(connection, found.id)
    Console(highlight=False).print(report(found, tickets, zone))


@group.command()
def close(
    issue: IssueId,
    reason: Annotated[str, typer.Option(help="why it is over")],
    name: Annotated[str, typer.Option(help="who you are")] = "duban",
    data: Data = DEFAULT_DATA,
) -> None:
    """Close a hot issue; new complaints of its kind may open another."""
    with system_connection.find(data).connect() as connection:
        found = _find(connection, issue)
        if not store.request_close(connection, found.id, IssueClosing(name, reason)):
            raise DubanError(f"the hot issue {issue} is closed already")
    print(f"{found.id} will be closed within seconds")


def _find(connection: psycopg.Connection, prefix: str) -> HotIssue:
    found = store.find_by_id_prefix(connection, prefix.lower())
    if len(found) != 1:
        reason = "no hot issue begins with" if not found else "more than one hot issue begins with"
        raise DubanError(f"{reason} {prefix!r}: `duban hot list --all` shows them")
    return found[0]


def report(issue: HotIssue, tickets: list[Ticket], zone: str) -> Text:
    """Return the report of the defect behind a hot issue, from the issue and its tickets; times in the zone."""
    text = Text("Report of a product defect\n\n", style="bold")
    for name, value in (_issue_facts(issue, len(tickets), zone) | _ticket_facts(tickets)).items():
        text.append(f"{name:<18}", style="dim").append(f"{value}\n")
    text.append("\nWhat customers say\n", style="bold")
    for ticket in tickets[:EXAMPLES]:
        text.append(f"{ticket.number}  {_local(ticket.accepted_at, zone)}  ", style="dim")
        text.append(f"{ticket.subject[:LONGEST_SUBJECT]}\n")
    return text


def _issue_facts(issue: HotIssue, tickets: int, zone: str) -> dict[str, str]:
    usual = "not known yet" if issue.usual is None else f"{issue.usual:.1f}"
    closed = f"{_local(issue.closed_at, zone)} {issue.closed_by or ''} {issue.reason or ''}"
    return {
        "What": f"{issue.business_type} / {issue.problem_type}, {issue.region} ({issue.policy})",
        "Status": f"{issue.status}, change {issue.version}",
        "Opened": _local(issue.opened_at, zone),
        "Calm since": _local(issue.calm_since, zone),
        "Closed": closed.strip(),
        "Tickets": f"{tickets}; most in an hour {issue.peak}, in the last hour {issue.recent}, usual {usual}",
    }


def _ticket_facts(tickets: list[Ticket]) -> dict[str, str]:
    customers = {ticket.customer.number or ticket.customer.phone or ticket.id for ticket in tickets}
    return {
        "Customers": str(len(customers)),
        "Reminders": str(sum(ticket.reminders for ticket in tickets)),
        "By tier": _most_common(ticket.classification.tier for ticket in tickets),
        "By channel": _most_common(ticket.channel for ticket in tickets),
        "With": _most_common(ticket.unit or ticket.centre for ticket in tickets),
        "By status": _most_common(ticket.status.value for ticket in tickets),
        "Deadlines missed": str(sum(ticket.breaches for ticket in tickets)),
        "Causes found": _most_common(ticket.outcome.cause for ticket in tickets if ticket.outcome.cause),
        "Time to close": _median_time_to_close(tickets),
    }


def _most_common(values: Iterable[str]) -> str:
    return ", ".join(f"{value} {count}" for value, count in Counter(values).most_common(EXAMPLES)) or "-"


def _median_time_to_close(tickets: list[Ticket]) -> str:
    spans = sorted(ticket.closed_at - ticket.accepted_at for ticket in tickets if ticket.closed_at is not None)
    if not spans:
        return "-"
    median = spans[len(spans) // 2]
    return str(median - timedelta(microseconds=median.microseconds))


def _local(at: datetime | None, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" if at is not None else "-"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="hot")
