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
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from kafka import KafkaConsumer, TopicPartition

from chaos.published_form import MAX_EVENT, MAX_TICKET, is_shortened, is_too_large

EXAMPLES_UP_TO = 20
"""Occurrences of one kind of problem up to which examples are printed."""
CHANNEL_TOPICS = ("channel.hotline", "channel.store")
NOTIFIED_EVENTS = ("breached", "dispatched", "answered")
"""Types of events of which somebody must be notified."""
NOTICES = "select id::text, event_id::text, audience, state from notifier.notice"
SETTLED = ("sent", "delivered", "failed", "obsolete")

Body = dict[str, Any]
Events = dict[str, list[Body]]
"""Stored events by ticket id, in order of version."""
Tickets = dict[str, Body]
"""Stored tickets by id."""


@dataclass
class Findings:
    """Problems found so far.

    Attributes:
        lost: number of accepted messages that cannot be found.
        kinds: descriptions of the occurrences, by kind of problem.

    """

    lost: int = 0
    kinds: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, kind: str, occurrence: str) -> None:
        """Record one occurrence of a kind of problem."""
        self.kinds[kind].append(occurrence)

    def problems(self) -> list[str]:
        """Return each kind of problem with its number of occurrences and some examples."""
        return [
            f"{kind}: {len(found)}, such as {', '.join(found[:3])}"
            if len(found) <= EXAMPLES_UP_TO
            else f"{kind}: {len(found)}"
            for kind, found in self.kinds.items()
        ]


@dataclass(frozen=True)
class ReadRecord:
    """A record of a topic; its position is its partition and offset."""

    key: str
    value: bytes | None
    headers: dict[str, str]
    position: tuple[int, int]

    @property
    def body(self) -> Body:
        """The value parsed as JSON."""
        body: Body = json.loads(self.value or b"null")
        return body


def read_topic(servers: str, name: str) -> Iterator[ReadRecord]:
    """Return every record of a topic, in order within each partition."""
    consumer = KafkaConsumer(
        bootstrap_servers=servers.split(","), enable_auto_commit=False, max_partition_fetch_bytes=11 * 1024 * 1024
    )
    partitions = [TopicPartition(name, number) for number in consumer.partitions_for_topic(name) or ()]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    consumer.seek_to_beginning(*partitions)
    while any(consumer.position(partition) < ends[partition] for partition in partitions):
        for records in consumer.poll(timeout_ms=500).values():
            yield from map(_decode, records)
    consumer.close()


def _decode(record: Any) -> ReadRecord:
    headers = {key: (value or b"").decode(errors="replace") for key, value in record.headers or ()}
    key = (record.key or b"").decode(errors="replace")
    return ReadRecord(key, record.value, headers, (record.partition, record.offset))


def check(servers: str, database: str, accepted: list[dict[str, str]]) -> Findings:
    """Check a system.

    Args:
        servers: bootstrap servers of the broker.
        database: URL of the database.
        accepted: entries with the `reference` of an accepted contact or the id of an accepted `command`.

    """
    findings = Findings()
    with psycopg.connect(database) as connection:
        events = _stored_events(connection)
        tickets = {str(id_): body for id_, body in connection.execute("select id, body from ledger.ticket")}
        _check_versions(findings, events, tickets)
        _check_thresholds(findings, events)
        _check_events_topic(findings, servers, events, tickets)
        _check_state_topic(findings, servers, tickets)
        dead_letters = list(_dead_letters(servers))
        _check_contacts(findings, servers, connection, events, dead_letters, accepted)
        _check_channel_topics(findings, servers, dead_letters)
        _check_commands(findings, connection, accepted)
        _check_notices(findings, servers, connection, events, tickets)
    return findings


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
        times = [event["at"] for event in events.get(id_, [])]
        if times != sorted(times):
            findings.add("events not in order of time", ticket["number"])
    for id_ in events.keys() - tickets.keys():
        findings.add("events without a ticket", id_)


def _check_thresholds(findings: Findings, events: Events) -> None:
    """Each threshold is decided by one event, and not before it is due."""
    for id_, history in events.items():
        decisions = [event for event in history if event["threshold"] is not None]
        keys = Counter(
            tuple(event["threshold"][part] for part in ("clock", "run", "limit", "threshold")) for event in decisions
        )
        for key, number in keys.items():
            if number > 1:
                findings.add("threshold decided more than once", f"{id_} {key}")
        for event in decisions:
            if event["recorded_at"] < event["threshold"]["due_at"]:
                findings.add("threshold decided early", f"{id_} version {event['version']}")


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


def _check_commands(findings: Findings, connection: psycopg.Connection, accepted: list[dict[str, str]]) -> None:
    """Each accepted command was decided."""
    decided = {str(id_) for (id_,) in connection.execute("select id from ledger.command")}
    for entry in accepted:
        if "command" in entry and entry["command"] not in decided:
            findings.add("accepted command that was never decided", entry["command"])


def _check_notices(
    findings: Findings, servers: str, connection: psycopg.Connection, events: Events, tickets: Tickets
) -> None:
    """Each event that needs a notification has one for each audience, and its final state is on deliveries."""
    audiences: dict[str, list[str]] = defaultdict(list)
    customer_states: dict[str, set[str]] = defaultdict(set)
    published_states = _published_states(servers)
    for id_, event_id, audience, state in connection.execute(NOTICES):
        audiences[event_id].append(audience)
        # On a drained system every notice is settled; one that was queued again after a failure proves nothing.
        if state not in SETTLED:
            findings.add("notice that is not settled", id_)
        elif published_states.get(id_) != state:
            findings.add("notice whose state is not on deliveries", id_)
        if audience == "customer":
            customer_states[event_id].add(state)
    for history in events.values():
        for event in history:
            _check_audiences(findings, event, audiences.get(event["id"], []))
    for id_, ticket in tickets.items():
        if ticket["status"] == "closed" and not any(_informs(event, customer_states) for event in events.get(id_, [])):
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


def _informs(event: Body, customer_states: dict[str, set[str]]) -> bool:
    """Return whether an event shows that the customer has the answer, or that a person was asked to deliver it."""
    if event["type"] == "undeliverable":
        return bool(event["details"].get("audience", "customer") == "customer")
    if "taken_over" in event["details"]:
        return True
    states = customer_states.get(event["id"], set())
    return event["type"] == "answered" and (_in_person(event) or bool(states & {"sent", "delivered"}))


def main() -> int:
    """Check a system and print the findings; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kafka", required=True, help="bootstrap servers")
    parser.add_argument("--database", required=True, help="URL of the database")
    parser.add_argument("--accepted", required=True, help="file with a JSON object a line: reference or command")
    options = parser.parse_args()
    with open(options.accepted, encoding="utf-8") as file:  # noqa: PTH123 - a plain read
        accepted = [json.loads(line) for line in file]
    findings = check(options.kafka, options.database, accepted)
    problems = findings.problems()
    print(json.dumps({"lost": findings.lost, "accepted": len(accepted), "problems": problems}, ensure_ascii=False))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
