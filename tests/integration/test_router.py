"""The router on a real database: a resolved alert finds its ticket whichever record comes first."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from uuid import uuid4

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from schemas.action import Merge, Note, Open
from schemas.call import Call
from schemas.command import Command
from schemas.contact import Contact, Customer
from schemas.non_ticket import NonTicket
from services.domain.ids import ticket_id
from services.router.correlation import Body, contacts_of_unmatched_calls
from services.router.handlers import ContactHandler
from services.router.metrics import RouterMetrics
from services.shared.kafka.batch_handling import Message
from services.shared.kafka.records import Incoming
from services.shared.postgres.database import to_jsonb
from services.shared.runtime.clock import SystemClock
from tests.builders import CENTRE, PACK, contact, eventually
from tests.database_ledger import DatabaseLedger, SettableClock
from tests.postgres import PostgresServer
from tests.system import System

OFFSETS = count()
CHAT = Customer(identity="openid-chat")


def alert() -> Contact:
    """Return the contact of an alert that no other test uses."""
    name = str(uuid4())
    return contact(name, at=datetime.now(UTC), channel="device_monitor", customer=Customer(number=name))


def resolved(contact: Contact) -> NonTicket:
    return NonTicket(
        id=uuid4(),
        sender=contact.sender,
        channel=contact.channel,
        message_id=f"{contact.message_id}/resolved",
        policy=contact.policy,
        received_at=contact.received_at,
        reason="resolved",
        about=contact.id,
    )


def batch(*bodies: Body) -> list[Message[Body]]:
    return [Message(Incoming("tests", 0, next(OFFSETS), None, None), each) for each in bodies]


def notes(system: System, batches: Sequence[list[Message[Body]]]) -> list[tuple[Note, object]]:
    """Let routers handle batches, each in its own transaction, and return the notes that they send to the ledger."""
    found = []
    for each in batches:
        with system.database() as connection, connection.transaction():
            found += handle(connection, each)
    return found


def handle(connection: psycopg.Connection, messages: list[Message[Body]]) -> list[tuple[Note, object]]:
    """Let a router handle a batch and return the notes that it sends to the ledger, with their tickets."""
    return [(each.action, each.ticket_id) for each in commands(connection, messages) if isinstance(each.action, Note)]


def commands(connection: psycopg.Connection, messages: list[Message[Body]]) -> list[Command]:
    """Let a router handle a batch and return the commands that it sends to the ledger."""
    router = ContactHandler({"carrier": PACK}, SystemClock(), RouterMetrics(CollectorRegistry()))
    (records,) = router.handle(messages, connection).publish
    return [Command.from_json(record.value or b"") for record in records if record.topic == Command.TOPIC]


@pytest.mark.requirement("R2.1")
@pytest.mark.parametrize("together", [1, 2], ids=["alone", "in one batch"])
@pytest.mark.parametrize("first", ["alert", "resolved"])
def test_a_resolved_alert_is_noted_once_whichever_comes_first(system: System, first: str, together: int) -> None:
    raised = alert()
    ended = resolved(raised)
    order: list[Body] = [raised, ended] if first == "alert" else [ended, raised]
    batches = [batch(*order[at : at + together]) for at in range(0, 2, together)]
    assert [ticket for _, ticket in notes(system, batches)] == [ticket_id(raised.id)]


@pytest.mark.requirement("R2.1")
def test_a_resolved_alert_that_is_read_again_with_its_alert_is_noted_once(system: System) -> None:
    raised = alert()
    ended = resolved(raised)
    assert len(notes(system, [batch(ended), batch(ended, raised)])) == 1


@pytest.mark.requirement("R2.1")
@pytest.mark.parametrize("first", ["alert", "resolved"])
def test_two_routers_at_once_note_a_resolved_alert_once(system: System, first: str) -> None:
    raised = alert()
    ended = resolved(raised)
    early, late = (batch(raised), batch(ended)) if first == "alert" else (batch(ended), batch(raised))
    with ThreadPoolExecutor() as threads, system.database() as connection:
        with connection.transaction():
            found = handle(connection, early)
            other = threads.submit(notes, system, [late])
            eventually(lambda: waiting(connection) or other.done())
            assert not other.done()
        found += other.result(timeout=30)
    assert [ticket for _, ticket in found] == [ticket_id(raised.id)]


@pytest.mark.requirement("R2.4")
def test_two_routers_at_once_open_one_ticket_for_two_messages_of_one_person(system: System) -> None:
    number, phone = str(uuid4()), f"+86138{next(OFFSETS):08d}"
    # Keyed by number and by phone, so in different partitions, and perhaps read by different routers.
    customers = Customer(number=number, phone=phone, name="李女士"), Customer(phone=phone, name="李女士")
    early, late = (batch(contact(str(uuid4()), at=datetime.now(UTC), customer=each)) for each in customers)
    with ThreadPoolExecutor() as threads, system.database() as connection:
        with connection.transaction():
            opened = commands(connection, early)
            other = threads.submit(commands_of_own, system, late)
            eventually(lambda: waiting(connection) or other.done())
            assert not other.done()
        joined = other.result(timeout=30)
    assert [isinstance(each.action, Open) for each in (*opened, *joined)] == [True, False]
    assert {each.ticket_id for each in (*opened, *joined)} == {opened[0].ticket_id}


def commands_of_own(system: System, messages: list[Message[Body]]) -> list[Command]:
    """Let a router handle a batch in a transaction of its own and return its commands."""
    with system.database() as connection, connection.transaction():
        return commands(connection, messages)


def waiting(connection: psycopg.Connection) -> bool:
    """Return whether another connection waits for a lock that this one holds."""
    query = "select exists(select from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid)))"
    row = connection.execute(query).fetchone()
    assert row is not None
    return bool(row[0])


@pytest.mark.requirement("R2.5", "R4.1")
def test_a_call_without_a_form_becomes_a_ticket_before_the_form_s_warning(system: System) -> None:
    """The form is warned of 54 minutes after the call began (002-1 §2.4.7), and a call may be a long one."""
    now = system.clock.now()
    calls = {
        "young": Call(id="young", started_at=now - timedelta(minutes=44), ended_at=now - timedelta(minutes=40)),
        "old": Call(id="old", started_at=now - timedelta(minutes=46), ended_at=now - timedelta(minutes=44)),
        "long": Call(id="long", started_at=now - timedelta(minutes=50), ended_at=now - timedelta(minutes=1)),
        "no start": Call(id="no start", ended_at=now - timedelta(minutes=46)),
    }
    row = "insert into router.call values (%s, %s, 'tests', 'hotline', 'carrier', true, %s, null, null, %s, null)"
    with system.database() as connection, connection.transaction(force_rollback=True):
        connection.execute("update router.call set announced_at = %s where announced_at is null", (now,))
        for name, call in calls.items():
            connection.execute(row, (name, to_jsonb(call), call.ended_at, now))
        found = contacts_of_unmatched_calls(connection, now)
    assert found.keys() == {each.call for each in found.values()} == {"old", "long", "no start"}


def route_and_decide(router: ContactHandler, ledger: DatabaseLedger, message: Contact) -> Command:
    """Route a contact and let the ledger decide; returns the router's command."""
    with ledger.connection.transaction():
        (records,) = router.handle(batch(message), ledger.connection).publish
    (command,) = [Command.from_json(record.value or b"") for record in records]
    ledger.decide(command)
    return command


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize("named", [False, True])
def test_a_contact_of_a_merged_ticket_s_customer_joins_the_one_that_goes_on(
    postgres: PostgresServer,
    named: bool,  # noqa: FBT001
) -> None:
    """It opened a third ticket, because the customer's own had been withdrawn."""
    clock = SettableClock()
    router = ContactHandler({"carrier": PACK}, clock, RouterMetrics(CollectorRegistry()))
    first, second = Customer(phone="+8613800000101", number="C1"), Customer(email="li@example.com", number="C1")
    with postgres.database() as url, psycopg.connect(url, autocommit=True) as connection:
        ledger = DatabaseLedger(connection, clock=clock)
        tickets = [
            route_and_decide(router, ledger, contact(f"m{number}", customer=customer, text=text)).ticket_id
            for number, (customer, text) in enumerate(
                [
                    (first, "家里宽带网速很慢，已经一个星期了"),
                    (second, "ETC通行费重复扣费，请核实并退还"),
                    (second, "话费账单有误，请核对账单"),
                ]
            )
        ]
        assert len(set(tickets)) == 3
        for merged, into in pairwise(tickets):
            ledger.do(merged, Merge(into=into, reason="one matter"), unit=CENTRE)
        number = ledger.ticket(tickets[0]).number
        again = contact("again", customer=first, follows=number if named else None, text="宽带还是很慢，催一下")
        command = route_and_decide(router, ledger, again)
        assert (command.action.type, command.ticket_id) == ("remind", tickets[2])
        assert ledger.ticket(tickets[2]).reminders == 1


def route_all(router: ContactHandler, ledger: DatabaseLedger, messages: list[Message[Body]]) -> list[Command]:
    """Route a batch in a transaction of its own and let the ledger decide; returns the router's commands."""
    with ledger.connection.transaction():
        (records,) = router.handle(messages, ledger.connection).publish
    commands = [Command.from_json(record.value or b"") for record in records]
    for command in commands:
        ledger.decide(command)
    return commands


@pytest.mark.requirement("R2.4")
def test_the_lines_of_a_chat_make_one_ticket_also_when_they_are_read_again(postgres: PostgresServer) -> None:
    """Each line is a batch of its own; the greeting opens nothing, and the ticket takes it (DECISIONS 36)."""
    clock = SettableClock()
    router = ContactHandler({"carrier": PACK}, clock, RouterMetrics(CollectorRegistry()))
    with postgres.database() as url, psycopg.connect(url, autocommit=True) as connection:
        ledger = DatabaseLedger(connection, clock=clock)
        lines = [
            batch(contact(f"chat-{number}", at=clock.now(), channel="wechat", customer=CHAT, text=text))
            for number, text in enumerate(("您好", "家里宽带网速慢", "没人来修", "好的,谢谢"))
        ]
        sent = [route_all(router, ledger, line) for line in lines]
        assert [[command.action.type for command in commands] for commands in sent] == [
            [],
            ["open", "add_contact"],
            ["add_contact"],
            ["add_contact"],
        ]
        assert len({command.ticket_id for commands in sent for command in commands}) == 1
        rows = connection.execute("select disposition, ticket_id, held, rule from router.contact order by message_id")
        assert [(disposition, ticket, held) for disposition, ticket, held, _ in rows.fetchall()] == [
            (disposition, sent[1][0].ticket_id, None) for disposition in ("add", "open", "add", "add")
        ]
        again = [route_all(router, ledger, line) for line in lines]
        assert again == sent
        (subject,) = connection.execute("select body ->> 'subject' from ledger.ticket").fetchone() or ("",)
        assert subject == "家里宽带网速慢\n没人来修"
