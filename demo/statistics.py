"""Counts notifications and survey answers in the tables, in the receivers' files and in the sample for a study."""

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
select (select count(*) from hot_issues.issue), (select count(*) from hot_issues.member where command_sent)
"""
CLOSED = """
select case
    when exists (
        select from notifier.notice n join ledger.event e on e.id = n.event_id
        where e.ticket_id = t.id and e.type = 'answered'
            and n.audience = 'customer' and n.state in ('sent', 'delivered')
    ) then 'informed by letter'
    when exists (
        select from ledger.event e where e.ticket_id = t.id and e.type = 'answered'
            and (e.body #>> '{details,on_the_spot}')::boolean
    ) then 'informed on the spot'
    when exists (
        select from ledger.event e
        where e.ticket_id = t.id and e.type = 'undeliverable' and e.body #>> '{details,audience}' = 'customer'
    ) then 'assigned to a person'
    else 'not informed' end, count(*)
from ledger.ticket t where t.status = 'closed' group by 1
"""
_DIGITS = re.compile(r"[1-5]")


@dataclass(frozen=True)
class ReceivedMessages:
    """Files that the test receivers wrote, and the sample for a study.

    Attributes:
        mail: mails, a JSON object a line.
        crm: webhooks, a JSON object a line.
        sample: CSV of sampled tickets.

    """

    mail: Path
    crm: Path
    sample: Path


def collect(connection: psycopg.Connection, received: ReceivedMessages) -> list[tuple[str, int]]:
    """Return the statistics as labels and numbers, in the order of the table."""

    def pairs(query: str) -> dict[str, int]:
        return {str(name): int(number) for name, number in connection.execute(query).fetchall()}

    def numbers(query: str) -> list[int]:
        return [int(number) for number in connection.execute(query).fetchone() or ()]

    sent, reports, calls, events, closed = map(pairs, (SENT, REPORTS, CALLS, EVENTS, CLOSED))
    answers, (digests, gathered), (issues, members) = _survey_answers(connection), numbers(DIGESTS), numbers(ISSUES)
    (fell_back,), (held,), (opted_out,) = numbers(FELL_BACK), numbers(HELD), numbers(OPTED_OUT)
    mails, webhooks = _read_lines(received.mail), _read_lines(received.crm)
    pdfs = sum("application/pdf" in mail["parts"] for mail in mails)
    return [
        ("SMS sent", sent.get("sms", 0)),
        ("SMS reported as delivered", reports.get("sms delivered", 0)),
        ("SMS reported as failed", reports.get("sms returned", 0)),
        ("mails sent", sent.get("mail", 0)),
        ("mails bounced", reports.get("mail returned", 0)),
        ("notices delivered by a fallback means", fell_back),
        ("tasks because no means reached the reader", events.get("undeliverable", 0)),
        ("notices held back in quiet hours", held),
        ("digests sent to units", digests),
        ("notices in digests", gathered),
        ("apologies ordered", events.get("apologised", 0)),
        ("apologies with a PDF letter", pdfs),
        ("webhooks with a valid signature", sum(webhook["good"] for webhook in webhooks)),
        ("webhooks with an invalid signature", sum(not webhook["good"] for webhook in webhooks)),
        *((f"calls with result {name}", number) for name, number in sorted(calls.items())),
        *((f"surveys answered {name}", number) for name, number in sorted(answers.items())),
        ("customers who opted out", opted_out),
        ("hot issues", issues),
        ("tickets of hot issues", members),
        ("tickets sampled for a study", max(received.sample.read_text(encoding="utf-8-sig").count("\n") - 1, 0)),
        *((f"closed tickets, customer {name}", number) for name, number in sorted(closed.items())),
    ]


def show(statistics: list[tuple[str, int]], console: Console) -> None:
    """Print the statistics as a table."""
    table = Table(title="Notifications and surveys", title_justify="left")
    table.add_column("what", no_wrap=True)
    table.add_column("number", justify="right")
    for name, number in statistics:
        table.add_row(name, str(number))
    console.print(table)


def _survey_answers(connection: psycopg.Connection) -> Counter[str]:
    """Return how often each channel was used to answer the survey; the answering command's id reveals the channel."""
    replies = {
        str(command_id(id_, "survey")): "by SMS in digits" if _DIGITS.match(text) else "by SMS in words"
        for id_, text in connection.execute(REPLIES)
    }
    pages = {
        str(command_id(id_, "survey link", run)) for id_, last in connection.execute(RUNS) for run in range(1, last + 1)
    }
    answers = Counter[str]()
    for command, actor_kind in connection.execute(ANSWERS):
        channel = "on the page" if command in pages else "on the phone" if actor_kind == "agent" else "in the app"
        answers[replies.get(command, channel)] += 1
    return answers


def _read_lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
