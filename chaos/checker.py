"""The independent checker: proves that no contact was lost, duplicated, reordered or left without a notification.

It shares no code with the services that it checks. Its inputs are the ids that intake accepted with 202, the topics and
the tables. Run it on a drained system: `python -m chaos.checker --kafka HOST:PORT --database URL --accepted FILE`. It
prints a JSON object with `lost` and `problems`; the exit code is 1 if there are problems.
"""

import argparse
import hashlib
import json
import sys
from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from chaos.deadlines import check_decisions, check_overdue, lateness, moment
from chaos.findings import Findings
from chaos.published_form import MAX_EVENT, MAX_TICKET, is_shortened, is_too_large
from chaos.received import ATTEMPTS, check_received, handed_over
from chaos.topic_records import ReadRecord, read_topic

CHANNEL_TOPICS = ("channel.hotline", "channel.store")
NOTIFIED_EVENTS = ("breached", "dispatched", "answered")
"""Types of events of which somebody must be notified."""
NOTICES = "select id::text, event_id::text, audience, state from notifier.notice"
SETTLED = ("sent", "delivered", "failed", "obsolete")
INFORMED = {False: {"sent", "delivered"}, True: {"sent", "delivered", "queued"}}
"""States of an answer's notice by which the customer has it: on a drained system, and on a running one."""

Body = dict[str, Any]
Events = dict[str, list[Body]]
"""Stored events by ticket id, in order of version."""
Tickets = dict[str, Body]
"""Stored tickets by id."""


@dataclass(frozen=True)
class CheckOptions:
    """What the checker may take for granted about the system.

    Attributes:
        accepted: entries with the `reference` of an accepted contact or the id of an accepted `command`.
        running: whether notices may still wait to be sent, because the system was not drained.
        due_before: policy time before which every due threshold must have been decided; None: not checked.
        received: folder of what the test receivers recorded; None: not checked.
        repeats: number of repeated messages that crashes explain; None: any.

    """

    accepted: list[dict[str, str]] = field(default_factory=list)
    running: bool = False
    due_before: datetime | None = None
    received: Path | None = None
    repeats: int | None = None


def check(servers: str, database: str, options: CheckOptions) -> tuple[Findings, dict[str, Any]]:
    """Check a system.

    Args:
        servers: bootstrap servers of the broker.
        database: URL of the database.
        options: what may be taken for granted.

    Returns:
        What is wrong, and measurements: the lateness of thresholds in real seconds, and repeated messages.

    """
    findings, measured = Findings(), dict[str, Any]()
    with psycopg.connect(database) as connection:
        events = _stored_events(connection)
        tickets = {str(id_): body for id_, body in connection.execute("select id, body from ledger.ticket")}
        _check_versions(findings, events, tickets)
        check_decisions(findings, events)
        if options.due_before is not None:
            check_overdue(findings, tickets, options.due_before)
        measured["lateness"] = lateness(events, _scale(connection))
        _check_events_topic(findings, servers, events, tickets)
        _check_state_topic(findings, servers, tickets)
        dead_letters = list(_dead_letters(servers))
        _check_contacts(findings, servers, connection, events, dead_letters, options.accepted)
        _check_channel_topics(findings, servers, dead_letters)
        _check_commands(findings, servers, connection, dead_letters, options.accepted)
        _check_notices(findings, servers, connection, events, tickets, running=options.running)
        if options.received is not None:
            sent = connection.execute(ATTEMPTS).fetchall()
            received = handed_over(options.received)
            measured["repeated"] = check_received(findings, sent, received, options.repeats)
    return findings, measured


def _scale(connection: psycopg.Connection) -> float:
    row = connection.execute("select scale from plumbing.deployment").fetchone()
    return float(row[0]) if row is not None else 1.0


def _stored_events(connection: psycopg.Connection) -> Events:
    events: Events = defaultdict(list)
    for ticket, body in connection.execute("select ticket_id, body from ledger.event order by ticket_id, version"):
        events[str(ticket)].append(body)
    return events


def _check_versions(findings: Findings, events: Events, tickets: Tickets) -> None:
    """Versions of a ticket's events have no gap up to the ticket's own version, and are in order of time."""
    for id_, ticket in tickets.items():
        versions = [event["version"] for event in events.get(id_, [])]
        if versions != list(range(1, ticket["version"] + 1)):
            findings.add("gap in versions", f"{ticket['number']} {versions} up to {ticket['version']}")
        times = [moment(event["at"]) for event in events.get(id_, [])]
        if times != sorted(times):
            findings.add("events not in order of time", ticket["number"])
    for id_ in events.keys() - tickets.keys():
        findings.add("events without a ticket", id_)


def _check_events_topic(findings: Findings, servers: str, events: Events, tickets: Tickets) -> None:
    """tickets.events holds every event, shortened at most, first occurrences in order; the last carries the ticket."""
    latest: dict[str, int] = defaultdict(int)
    stored = {(id_, event["version"]): event for id_, history in events.items() for event in history}
    missing = set(stored)
    for record in read_topic(servers, "tickets.events"):
        body = record.body
        id_, version = key = (body["ticket_id"], body["version"])
        missing.discard(key)
        _check_carried_ticket(findings, body.pop("ticket"), version, tickets.get(id_))
        if is_too_large(record.value, MAX_EVENT):
            findings.add("event on the topic that is too large", f"{key}")
        if key not in stored or not is_shortened(body, stored[key]):
            findings.add("event on the topic that differs from the stored one", f"{key}")
        if version > latest[id_] + 1:
            findings.add("event on the topic before its predecessor", f"{key}")
        latest[id_] = max(latest[id_], version)
        if record.key != id_ or record.headers.get("ce_id") != body["id"]:
            findings.add("event with a wrong key or header", f"{key}")
    for key in missing:
        findings.add("stored event that is not on the topic", f"{key}")


def _check_carried_ticket(findings: Findings, carried: Body, version: int, ticket: Body | None) -> None:
    if ticket is not None and ticket["version"] == version and not is_shortened(carried, ticket):
        findings.add("last event that carries another ticket", ticket["number"])


def _check_state_topic(findings: Findings, servers: str, tickets: Tickets) -> None:
    """The last record of each ticket on tickets.state is the stored ticket, shortened at most."""
    last = {record.key: record for record in read_topic(servers, "tickets.state")}
    for id_, ticket in tickets.items():
        if id_ not in last:
            findings.add("ticket without a record on tickets.state", ticket["number"])
        elif is_too_large(last[id_].value, MAX_TICKET):
            findings.add("record on tickets.state that is too large", ticket["number"])
        elif not is_shortened(last[id_].body, ticket):
            findings.add("last record on tickets.state that differs from the ticket", ticket["number"])
    for id_ in last.keys() - tickets.keys():
        findings.add("record on tickets.state without a ticket", id_)


def _dead_letters(servers: str) -> Iterator[ReadRecord]:
    """Return every dead letter, resolved or not."""
    for record in read_topic(servers, "dead-letters"):
        if record.value is not None:
            yield record


def _check_contacts(
    findings: Findings,
    servers: str,
    connection: psycopg.Connection,
    events: Events,
    dead_letters: list[ReadRecord],
    accepted: list[dict[str, str]],
) -> None:
    """Each contact is in exactly one ticket, recorded as opening none, or a dead letter (promises 1 and 2)."""
    in_tickets = _contacts_in_tickets(events)
    without_ticket = {
        str(id_)
        for (id_,) in connection.execute("select id from router.contact where disposition not in ('open', 'remind')")
    }
    dead = {
        letter.headers.get("orig_ce_id", "") for letter in dead_letters if letter.headers.get("dl_topic") == "contacts"
    }
    references = {entry["reference"] for entry in accepted if "reference" in entry}
    published = {record.headers["ce_id"] for record in read_topic(servers, "contacts")}
    for reference in sorted(references - published):
        findings.add("accepted reference that is not on the topic of contacts", reference)
    for reference in sorted(references | published):
        ticket_ids = in_tickets.get(reference, [])
        if len(set(ticket_ids)) > 1:
            findings.add("contact in more than one ticket", f"{reference} {sorted(set(ticket_ids))}")
        elif len(ticket_ids) > 1:
            findings.add("contact counted more than once in its ticket", reference)
        elif not ticket_ids and reference not in without_ticket | dead:
            findings.lost += 1
            findings.add("lost contact", reference)


def _contacts_in_tickets(events: Events) -> dict[str, list[str]]:
    """Return the ids of the tickets that a contact opened or was added to, once for each such event."""
    in_tickets: dict[str, list[str]] = defaultdict(list)
    for id_, history in events.items():
        for event in history:
            if event["type"] in {"accepted", "reminded", "contact_added"}:
                in_tickets[event["details"]["contact_id"]].append(id_)
    return in_tickets


def _check_channel_topics(findings: Findings, servers: str, dead_letters: list[ReadRecord]) -> None:
    """The bytes of each record of a channel topic are in a contact or in a dead letter."""
    digests = set()
    for record in read_topic(servers, "contacts"):
        raw = record.body["raw"]
        digests.add(raw["sha256"])
        if hashlib.sha256(b64decode(raw["body"])).hexdigest() != raw["sha256"]:
            findings.add("contact with a damaged raw message", record.headers["ce_id"])
    digests |= {hashlib.sha256(letter.value or b"").hexdigest() for letter in dead_letters}
    for name in CHANNEL_TOPICS:
        for record in read_topic(servers, name):
            if hashlib.sha256(record.value or b"").hexdigest() not in digests:
                findings.lost += 1
                findings.add(f"lost record of {name}", f"{record.position}")


def _check_commands(
    findings: Findings,
    servers: str,
    connection: psycopg.Connection,
    dead_letters: list[ReadRecord],
    accepted: list[dict[str, str]],
) -> None:
    """Each accepted command was decided, and so was each other command on the topic, or it is a dead letter."""
    decided = {str(id_) for (id_,) in connection.execute("select id from ledger.command")}
    for entry in accepted:
        if "command" in entry and entry["command"] not in decided:
            findings.add("accepted command that was never decided", entry["command"])
    decided |= {letter.headers.get("orig_ce_id", "") for letter in dead_letters}
    for record in read_topic(servers, "tickets.commands"):
        id_ = record.headers.get("ce_id", "")
        if id_ not in decided:
            decided.add(id_)
            findings.add("command on the topic that was never decided", f"{id_} {record.headers.get('ce_type')}")


def _check_notices(
    findings: Findings,
    servers: str,
    connection: psycopg.Connection,
    events: Events,
    tickets: Tickets,
    *,
    running: bool,
) -> None:
    """Each event that needs a notification has one for each audience, and its final state is on deliveries."""
    audiences: dict[str, list[str]] = defaultdict(list)
    customer_states: dict[str, set[str]] = defaultdict(set)
    published_states = _published_states(servers)
    for id_, event_id, audience, state in connection.execute(NOTICES):
        audiences[event_id].append(audience)
        # On a drained system every notice is settled; one that was queued again after a failure proves nothing.
        if state not in SETTLED:
            if not running:
                findings.add("notice that is not settled", id_)
        elif published_states.get(id_) != state:
            findings.add("notice whose state is not on deliveries", id_)
        if audience == "customer":
            customer_states[event_id].add(state)
    for history in events.values():
        for event in history:
            _check_audiences(findings, event, audiences.get(event["id"], []))
    for id_, ticket in tickets.items():
        informing = [_informs(event, customer_states, running=running) for event in events.get(id_, [])]
        if ticket["status"] == "closed" and not any(informing):
            findings.add("closed ticket whose customer was not informed", ticket["number"])


def _published_states(servers: str) -> dict[str, str]:
    """Return the state of each notice by its latest record on deliveries; their order differs between means."""
    latest: dict[str, tuple[datetime, str]] = {}
    for record in read_topic(servers, "deliveries"):
        at, known = datetime.fromisoformat(record.body["at"]), latest.get(record.body["id"])
        if known is None or at >= known[0]:
            latest[record.body["id"]] = (at, record.body["state"])
    return {id_: state for id_, (_, state) in latest.items()}


def _check_audiences(findings: Findings, event: Body, audiences: list[str]) -> None:
    if len(audiences) != len(set(audiences)):
        findings.add("audience notified twice of one event", event["id"])
    if event["type"] in NOTIFIED_EVENTS and not audiences and not _in_person(event):
        findings.add(f"nobody notified of {event['type']}", event["id"])


def _in_person(event: Body) -> bool:
    """Return whether the customer was informed on the spot or on the phone."""
    return bool(event["details"].get("on_the_spot")) or event["details"].get("means") == "phone"


def _informs(event: Body, customer_states: dict[str, set[str]], *, running: bool) -> bool:
    """Return whether an event shows that the customer has the answer, or that a person was asked to deliver it.

    On a running system the answer may still wait for the end of the quiet hours.
    """
    if event["type"] == "undeliverable":
        return bool(event["details"].get("audience", "customer") == "customer")
    if "taken_over" in event["details"]:
        return True
    states = customer_states.get(event["id"], set())
    return event["type"] == "answered" and (_in_person(event) or bool(states & INFORMED[running]))


def main() -> int:
    """Check a system and print the findings; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kafka", required=True, help="bootstrap servers")
    parser.add_argument("--database", required=True, help="URL of the database")
    parser.add_argument("--accepted", required=True, type=Path, help="file with a JSON object a line")
    parser.add_argument("--running", action="store_true", help="the system was not drained: letters may still wait")
    parser.add_argument("--due-before", type=datetime.fromisoformat, help="policy time before which all is decided")
    parser.add_argument("--received", type=Path, help="folder of what the test receivers recorded")
    parser.add_argument("--repeats", type=int, help="repeated messages that crashes explain")
    options = parser.parse_args()
    accepted = [json.loads(line) for line in options.accepted.read_text(encoding="utf-8").splitlines()]
    findings, measured = check(
        options.kafka,
        options.database,
        CheckOptions(accepted, options.running, options.due_before, options.received, options.repeats),
    )
    problems = findings.problems()
    print(
        json.dumps(
            {"lost": findings.lost, "accepted": len(accepted), "problems": problems} | measured, ensure_ascii=False
        )
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
