"""The independent checker: nothing lost, nothing twice, nothing out of order, nobody not told.

It shares no code with what it checks. It knows only what the driver was told with 202, the topics, and the tables; run
it on a system at rest: `python -m chaos.checker --kafka HOST:PORT --database URL --accepted FILE`. Prints one JSON
object with `lost` and `problems`; exit code 1 when there are problems.
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

MOST = 20
"""Examples of one kind of problem; more of the same tell nothing new."""
CHANNELS = ("channel.hotline", "channel.store")
TOLD_AFTER = ("breached", "dispatched", "answered")
"""Events that somebody has to be told of."""
NOTICES = "select id::text, event_id::text, audience, state from notifier.notice"
SETTLED = ("sent", "delivered", "failed", "obsolete")


@dataclass
class Findings:
    """What is wrong."""

    lost: int = 0
    kinds: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, kind: str, what: str) -> None:
        """Note one thing."""
        self.kinds[kind].append(what)

    def problems(self) -> list[str]:
        """Return every kind of problem with its number and some examples."""
        return [
            f"{kind}: {len(found)}, such as {', '.join(found[:3])}" if len(found) <= MOST else f"{kind}: {len(found)}"
            for kind, found in self.kinds.items()
        ]


@dataclass(frozen=True)
class ReadRecord:
    """One record of a topic."""

    key: str
    value: bytes | None
    headers: dict[str, str]
    position: tuple[int, int]

    @property
    def body(self) -> dict[str, Any]:
        """The value as JSON."""
        told: dict[str, Any] = json.loads(self.value or b"null")
        return told


def topic(servers: str, name: str) -> Iterator[ReadRecord]:
    """Return every record of a topic, in order within each partition."""
    consumer = KafkaConsumer(
        bootstrap_servers=servers.split(","), enable_auto_commit=False, max_partition_fetch_bytes=11 * 1024 * 1024
    )
    parts = [TopicPartition(name, each) for each in consumer.partitions_for_topic(name) or ()]
    consumer.assign(parts)
    ends = consumer.end_offsets(parts)
    consumer.seek_to_beginning(*parts)
    while any(consumer.position(each) < ends[each] for each in parts):
        for records in consumer.poll(timeout_ms=500).values():
            for each in records:
                headers = {key: (value or b"").decode(errors="replace") for key, value in each.headers or ()}
                yield ReadRecord(
                    (each.key or b"").decode(errors="replace"), each.value, headers, (each.partition, each.offset)
                )
    consumer.close()


def check(servers: str, database: str, accepted: list[dict[str, str]]) -> Findings:
    """Check everything."""
    found = Findings()
    with psycopg.connect(database) as connection:
        events = _events(connection)
        tickets = {str(id_): body for id_, body in connection.execute("select id, body from ledger.ticket")}
        _versions(found, events, tickets)
        _thresholds(found, events)
        _events_topic(found, servers, events, tickets)
        _state_topic(found, servers, tickets)
        dead = list(_dead_letters(servers))
        _contacts(found, servers, connection, events, dead, accepted)
        _channels(found, servers, dead)
        _commands(found, connection, accepted)
        _told(found, servers, connection, events, tickets)
    return found


def _events(connection: psycopg.Connection) -> dict[str, list[dict[str, Any]]]:
    events: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for ticket, body in connection.execute("select ticket_id, body from ledger.event order by ticket_id, version"):
        events[str(ticket)].append(body)
    return events


def _versions(found: Findings, events: dict[str, list[dict[str, Any]]], tickets: dict[str, dict[str, Any]]) -> None:
    """Versions without a gap, in order of time, up to the ticket's own."""
    for id_, ticket in tickets.items():
        versions = [each["version"] for each in events.get(id_, [])]
        if versions != list(range(1, ticket["version"] + 1)):
            found.add("versions with a gap", f"{ticket['number']} {versions} up to {ticket['version']}")
        times = [each["at"] for each in events.get(id_, [])]
        if times != sorted(times):
            found.add("events that go back in time", ticket["number"])
    for id_ in events.keys() - tickets.keys():
        found.add("events without a ticket", id_)


def _thresholds(found: Findings, events: dict[str, list[dict[str, Any]]]) -> None:
    """One event for each threshold, never early."""
    for id_, story in events.items():
        keys = Counter(
            tuple(each["threshold"][part] for part in ("clock", "run", "limit", "threshold"))
            for each in story
            if each["threshold"] is not None
        )
        for key, number in keys.items():
            if number > 1:
                found.add("a threshold decided more than once", f"{id_} {key}")
        for each in story:
            if each["threshold"] is not None and each["recorded_at"] < each["threshold"]["due_at"]:
                found.add("a threshold decided early", f"{id_} version {each['version']}")


def _events_topic(
    found: Findings, servers: str, events: dict[str, list[dict[str, Any]]], tickets: dict[str, dict[str, Any]]
) -> None:
    """The topic has every event, each as it is stored, first seen in order; the last carries the ticket as it is."""
    seen: dict[str, int] = defaultdict(int)
    stored = {(id_, each["version"]): each for id_, story in events.items() for each in story}
    missing = set(stored)
    for record in topic(servers, "tickets.events"):
        body = record.body
        key = (body["ticket_id"], body["version"])
        missing.discard(key)
        carried = body.pop("ticket")
        if stored.get(key) != body:
            found.add("an event on the topic that is not the stored one", f"{key}")
        ticket = tickets.get(body["ticket_id"])
        if ticket is not None and ticket["version"] == body["version"] and ticket != carried:
            found.add("a last event that carries another ticket", ticket["number"])
        if body["version"] > seen[body["ticket_id"]] + 1:
            found.add("an event on the topic before the one it follows", f"{key}")
        seen[body["ticket_id"]] = max(seen[body["ticket_id"]], body["version"])
        if record.key != body["ticket_id"] or record.headers.get("ce_id") != body["id"]:
            found.add("an event with a wrong key or header", f"{key}")
    for key in missing:
        found.add("a stored event that is not on the topic", f"{key}")


def _state_topic(found: Findings, servers: str, tickets: dict[str, dict[str, Any]]) -> None:
    """The last record of each ticket is the stored ticket."""
    last = {record.key: record for record in topic(servers, "tickets.state")}
    for id_, ticket in tickets.items():
        if id_ not in last:
            found.add("a ticket without a record on tickets.state", ticket["number"])
        elif last[id_].body != ticket:
            found.add("a last record of tickets.state that is not the ticket", ticket["number"])
    for id_ in last.keys() - tickets.keys():
        found.add("a record on tickets.state without a ticket", id_)


def _dead_letters(servers: str) -> Iterator[ReadRecord]:
    """Return every dead letter there ever was, resolved or not."""
    for record in topic(servers, "dead-letters"):
        if record.value is not None:
            yield record


def _contacts(
    found: Findings,
    servers: str,
    connection: psycopg.Connection,
    events: dict[str, list[dict[str, Any]]],
    dead: list[ReadRecord],
    accepted: list[dict[str, str]],
) -> None:
    """Each contact is in exactly one ticket, or recorded as opening none, or in dead-letters (promises 1 and 2)."""
    places: dict[str, set[str]] = defaultdict(set)
    times: Counter[str] = Counter()
    for id_, story in events.items():
        for event in story:
            if event["type"] in {"accepted", "reminded"}:
                places[event["details"]["contact_id"]].add(id_)
                times[event["details"]["contact_id"]] += 1
    none = {
        str(id_)
        for (id_,) in connection.execute("select id from router.contact where disposition not in ('open', 'remind')")
    }
    buried = {each.headers.get("orig_ce_id", "") for each in dead if each.headers.get("dl_topic") == "contacts"}
    told = {each["reference"] for each in accepted if "reference" in each}
    published = {record.headers["ce_id"] for record in topic(servers, "contacts")}
    for reference in sorted(told - published):
        found.add("a reference that was told with 202 but is not on the topic of contacts", reference)
    for reference in sorted(told | published):
        where = places.get(reference, set())
        if len(where) > 1:
            found.add("a contact in more than one ticket", f"{reference} {sorted(where)}")
        elif times[reference] > 1:
            found.add("a contact counted more than once in its ticket", reference)
        elif not where and reference not in none and reference not in buried:
            found.lost += 1
            found.add("a contact that is nowhere", reference)


def _channels(found: Findings, servers: str, dead: list[ReadRecord]) -> None:
    """Each record of a channel topic became a contact with its bytes, or a dead letter with them."""
    kept = set()
    for record in topic(servers, "contacts"):
        raw = record.body["raw"]
        kept.add(raw["sha256"])
        if hashlib.sha256(b64decode(raw["body"])).hexdigest() != raw["sha256"]:
            found.add("a contact whose raw message is damaged", record.headers["ce_id"])
    kept |= {hashlib.sha256(each.value or b"").hexdigest() for each in dead}
    for name in CHANNELS:
        for record in topic(servers, name):
            if hashlib.sha256(record.value or b"").hexdigest() not in kept:
                found.lost += 1
                found.add(f"a record of {name} that is nowhere", f"{record.position}")


def _commands(found: Findings, connection: psycopg.Connection, accepted: list[dict[str, str]]) -> None:
    """Each command that was told with 202 was decided."""
    decided = {str(id_) for (id_,) in connection.execute("select id from ledger.command")}
    for each in accepted:
        if "command" in each and each["command"] not in decided:
            found.add("a command that was told with 202 but never decided", each["command"])


def _told(
    found: Findings,
    servers: str,
    connection: psycopg.Connection,
    events: dict[str, list[dict[str, Any]]],
    tickets: dict[str, dict[str, Any]],
) -> None:
    """Somebody was told of each event that somebody has to be told of, once, and the proof is on the topic."""
    notices: dict[str, list[str]] = defaultdict(list)
    customers: dict[str, set[str]] = defaultdict(set)
    proved = _proved(servers)
    for id_, event, audience, state in connection.execute(NOTICES):
        notices[event].append(audience)
        # The system is at rest: what is still to be sent, or has begun anew after a failure, is proof of nothing.
        if state not in SETTLED:
            found.add("a notice that is not settled", id_)
        elif proved.get(id_) != state:
            found.add("a notice without its proof on deliveries", id_)
        if audience == "customer":
            customers[event].add(state)
    for story in events.values():
        for event in story:
            _audiences(found, event, notices.get(event["id"], []))
    for id_, ticket in tickets.items():
        if ticket["status"] == "closed" and not any(_reached(each, customers) for each in events.get(id_, [])):
            found.add("a closed ticket whose customer nobody told", ticket["number"])


def _proved(servers: str) -> dict[str, str]:
    """Return what became of each notice: by the record that was settled last, as each means has its own order."""
    last: dict[str, tuple[datetime, str]] = {}
    for record in topic(servers, "deliveries"):
        at, before = datetime.fromisoformat(record.body["at"]), last.get(record.body["id"])
        if before is None or at >= before[0]:
            last[record.body["id"]] = (at, record.body["state"])
    return {id_: state for id_, (_, state) in last.items()}


def _audiences(found: Findings, event: dict[str, Any], audiences: list[str]) -> None:
    if len(audiences) != len(set(audiences)):
        found.add("a notice told twice", event["id"])
    if event["type"] in TOLD_AFTER and not audiences and not _in_person(event):
        found.add(f"nobody told of {event['type']}", event["id"])


def _in_person(event: dict[str, Any]) -> bool:
    """The customer was told on the spot, or on the phone."""
    return bool(event["details"].get("on_the_spot")) or event["details"].get("means") == "phone"


def _reached(event: dict[str, Any], customers: dict[str, set[str]]) -> bool:
    """Whether an event shows that the customer has the answer, or that a person was asked to see to it."""
    if event["type"] == "undeliverable":
        return bool(event["details"].get("audience", "customer") == "customer")
    if "taken_over" in event["details"]:
        return True
    told = customers.get(event["id"], set())
    return event["type"] == "answered" and (_in_person(event) or bool(told & {"sent", "delivered"}))


def main() -> int:
    """Check a system and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--accepted", required=True, help="file with one JSON object a line: reference or command")
    told = parser.parse_args()
    with open(told.accepted, encoding="utf-8") as file:  # noqa: PTH123 - a plain read
        accepted = [json.loads(line) for line in file]
    found = check(told.kafka, told.database, accepted)
    problems = found.problems()
    print(json.dumps({"lost": found.lost, "accepted": len(accepted), "problems": problems}, ensure_ascii=False))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
