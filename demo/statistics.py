"""How people were told and asked, counted in the tables, in what the receivers got, and in the sample of the study."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from services.domain.ids import command_id

SENT = """
select means, count(*) from notifier.attempt where outcome = 'sent' group by 1
"""
REPORTS = """
select means || ' ' || outcome, count(*) from notifier.attempt where outcome in ('delivered', 'returned') group by 1
"""
FELL_BACK = """
select count(distinct n.id) from notifier.notice n join notifier.attempt a on a.notice_id = n.id
where a.outcome in ('returned', 'failed') and n.way > 0 and n.state in ('sent', 'delivered')
"""
DIGESTS = """
select count(*), coalesce(sum(notices), 0) from (
    select count(distinct notice_id) as notices from notifier.attempt where outcome = 'sent' group by handed
) letters where notices > 1
"""
HELD = """
select count(*) from notifier.notice
where quiet_from is not null and state in ('sent', 'delivered')
    and ((queued_at at time zone zone)::time >= quiet_from or (queued_at at time zone zone)::time < quiet_until)
    and (settled_at at time zone zone)::time between quiet_until and quiet_from
"""
CALLS = """
select body #>> '{details,result}', count(*) from ledger.event
where type in ('called_back', 'callback_moved') and body #>> '{details,means}' = 'phone' group by 1
"""
EVENTS = "select type, count(*) from ledger.event where type in ('undeliverable', 'apologised') group by 1"
OPTED_OUT = """
select count(*) from ledger.event
where type = 'callback_ended' and body #>> '{details,reason}' = 'opted_out' and body #>> '{actor,kind}' = 'customer'
"""
ANSWERS = "select body ->> 'command_id', body #>> '{actor,kind}' from ledger.event where type = 'survey_answered'"
REPLIES = "select id, subject from router.contact where disposition = 'survey'"
RUNS = "select id, (body ->> 'run')::int from ledger.ticket"
ISSUES = """
select (select count(*) from hot_issues.issue), (select count(*) from hot_issues.member where told)
"""
CLOSED = """
select case
    when exists (
        select from notifier.notice n join ledger.event e on e.id = n.event_id
        where e.ticket_id = t.id and e.type = 'answered'
            and n.audience = 'customer' and n.state in ('sent', 'delivered')
    ) then 'told by a letter'
    when exists (
        select from ledger.event e where e.ticket_id = t.id and e.type = 'answered'
            and (e.body #>> '{details,on_the_spot}')::boolean
    ) then 'told on the spot'
    when exists (
        select from ledger.event e
        where e.ticket_id = t.id and e.type = 'undeliverable' and e.body #>> '{details,audience}' = 'customer'
    ) then 'handed to a person'
    else 'not told' end, count(*)
from ledger.ticket t where t.status = 'closed' group by 1
"""
_FIGURES = re.compile(r"[1-5]")


@dataclass(frozen=True)
class ReceivedMessages:
    """Files with what came to those outside, and with what was drawn for a study."""

    mail: Path
    crm: Path
    sample: Path


def count(connection: psycopg.Connection, received: ReceivedMessages) -> list[tuple[str, int]]:
    """Return every way in which people were told and asked, with how often."""

    def pairs(query: str) -> dict[str, int]:
        return {str(name): int(number) for name, number in connection.execute(query).fetchall()}

    def numbers(query: str) -> list[int]:
        return [int(each) for each in connection.execute(query).fetchone() or ()]

    sent, reports, calls, events, closed = map(pairs, (SENT, REPORTS, CALLS, EVENTS, CLOSED))
    ways, (letters, gathered), (issues, members) = _ways(connection), numbers(DIGESTS), numbers(ISSUES)
    (fell_back,), (held,), (opted_out,) = numbers(FELL_BACK), numbers(HELD), numbers(OPTED_OUT)
    mails, hooks = _lines(received.mail), _lines(received.crm)
    papers = sum("application/pdf" in each["parts"] for each in mails)
    return [
        ("SMS sent", sent.get("sms", 0)),
        ("SMS reported as delivered", reports.get("sms delivered", 0)),
        ("SMS reported as failed", reports.get("sms returned", 0)),
        ("mails sent", sent.get("mail", 0)),
        ("mails that came back", reports.get("mail returned", 0)),
        ("told by the next means after one failed", fell_back),
        ("tasks because nothing reached the reader", events.get("undeliverable", 0)),
        ("held back in the quiet hours", held),
        ("digests to a unit", letters),
        ("notices in digests", gathered),
        ("apologies ordered", events.get("apologised", 0)),
        ("apologies with the page as PDF", papers),
        ("webhooks with a good signature", sum(each["good"] for each in hooks)),
        ("webhooks with a bad signature", sum(not each["good"] for each in hooks)),
        *((f"calls that ended: {name}", number) for name, number in sorted(calls.items())),
        *((f"surveys answered {name}", number) for name, number in sorted(ways.items())),
        ("customers who wrote TD", opted_out),
        ("hot issues", issues),
        ("tickets of hot issues", members),
        ("tickets drawn for a study", max(received.sample.read_text(encoding="utf-8-sig").count("\n") - 1, 0)),
        *((f"closed tickets whose customer was {name}", number) for name, number in sorted(closed.items())),
    ]


def show(counted: list[tuple[str, int]], console: Console) -> None:
    """Show the counts."""
    table = Table(title="How people were told and asked", title_justify="left")
    table.add_column("way", no_wrap=True)
    table.add_column("number", justify="right")
    for name, number in counted:
        table.add_row(name, str(number))
    console.print(table)


def _ways(connection: psycopg.Connection) -> Counter[str]:
    """Return how customers answered the survey: what their answers came from says it."""
    replies = {
        str(command_id(id_, "survey")): "by SMS in figures" if _FIGURES.match(text) else "by SMS in words"
        for id_, text in connection.execute(REPLIES)
    }
    pages = {
        str(command_id(id_, "survey link", run)) for id_, last in connection.execute(RUNS) for run in range(1, last + 1)
    }
    ways = Counter[str]()
    for command, kind in connection.execute(ANSWERS):
        way = "on the page" if command in pages else "on the phone" if kind == "agent" else "in the app"
        ways[replies.get(command, way)] += 1
    return ways


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
