"""Two versions of Duban at once: rows and records with fields that only the newer one knows (DECISIONS 39)."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from schemas.action import Note
from schemas.contact import Contact
from schemas.event import TicketEvent
from services.callback.handlers import CallbackPlanner
from services.callback.metrics import CallbackMetrics
from services.hot_issues.domain.signal import parse_signal
from services.ledger import store
from services.notifier.handlers import NotificationPlanner
from services.notifier.metrics import NotifierMetrics
from services.router.handlers import ContactHandler
from services.router.metrics import RouterMetrics
from services.shared.kafka.batch_handling import Message
from services.shared.kafka.records import Incoming
from tests.builders import CENTRE, PACKS, contact
from tests.database_ledger import DatabaseLedger, SettableClock
from tests.postgres import PostgresServer

NEWER = {"newer": {"a": [1, None]}}


@pytest.fixture
def connection(postgres: PostgresServer) -> Iterator[psycopg.Connection]:
    with postgres.database() as url, psycopg.connect(url, autocommit=True) as connection:
        yield connection


def routed(connection: psycopg.Connection, *records: Incoming) -> list[dict[str, Any]]:
    """Let the router handle records of contacts; returns the commands that it publishes."""
    handler = ContactHandler(PACKS, SettableClock(), RouterMetrics(CollectorRegistry()))
    with connection.transaction():
        result = handler.handle([Message(record, handler.decode(record)) for record in records], connection)
    assert result.dead_letters == []
    return [json.loads(record.value or b"") for group in result.publish for record in group]


def test_the_router_passes_on_what_a_newer_intake_has_added_to_a_contact(connection: psycopg.Connection) -> None:
    plain = contact().to_plain()
    plain |= NEWER | {"customer": plain["customer"] | NEWER}
    record = Incoming(Contact.TOPIC, 0, 7, None, json.dumps(plain).encode())
    (command,) = routed(connection, record)
    assert command["action"]["contact"] == plain
    assert routed(connection, record) == [command], "read again, it is the same contact and the same command"


def newer_ticket(ledger: DatabaseLedger) -> UUID:
    """Return a ticket whose last event was decided by a newer version, which has added fields to it."""
    ticket = ledger.open(contact())
    newer = json.dumps(NEWER)
    ledger.connection.execute("update ledger.ticket set body = body || %s", (newer,))
    ledger.connection.execute(
        "update ledger.event set body = jsonb_set(body || %s, '{changes}', body -> 'changes' || %s)"
        " where version = (select max(version) from ledger.event)",
        (newer, newer),
    )
    return ticket


def test_the_ledger_goes_on_with_a_ticket_of_a_newer_version(connection: psycopg.Connection) -> None:
    ledger = DatabaseLedger(connection)
    ticket = newer_ticket(ledger)
    ledger.published.clear()
    ledger.do(ticket, Note(text="客户来电"), unit=CENTRE)
    (row,) = connection.execute("select body from ledger.ticket").fetchall()
    assert row[0]["newer"] == NEWER["newer"]
    state, event = (json.loads(record.value or b"") for record in ledger.published)
    assert state["newer"] == event["ticket"]["newer"] == NEWER["newer"]
    found = store.ticket_with_events(connection, ledger.ticket(ticket).number)
    assert found is not None
    stored, events = found
    assert events[-1].ticket == stored, "the events, with the newer one, make the stored ticket"


def newer_event(ledger: DatabaseLedger) -> bytes:
    ledger.do(newer_ticket(ledger), Note(text="客户来电"), unit=CENTRE)
    event = json.loads(ledger.published[-1].value or b"")
    return json.dumps(event | NEWER | {"actor": event["actor"] | NEWER}).encode()


def test_those_who_read_events_ignore_what_a_newer_ledger_has_added(connection: psycopg.Connection) -> None:
    value = newer_event(DatabaseLedger(connection))
    record = Incoming(TicketEvent.TOPIC, 0, 1, None, value)
    registry = CollectorRegistry()
    callback = CallbackPlanner(PACKS, SettableClock(), CallbackMetrics(registry)).decode(record)
    notifier = NotificationPlanner(PACKS, SettableClock(), NotifierMetrics(registry)).decode(record)
    assert callback == notifier == TicketEvent.from_record(value)
    assert parse_signal(value) is None, "no region: nothing to count, and no error"
