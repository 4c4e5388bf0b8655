"""The ledger on a real database and broker: lost races, repeated commands, takeovers, the sweeper."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from duban.simulated_actor import simulated_actor
from schemas.action import Compensate, Note, Open, Remind
from schemas.command import Actor, Command
from services.domain.authority.granted_sums import Grantor
from services.domain.classify import classify
from services.domain.ids import ticket_id
from services.domain.kpi.periods import PeriodLength, period_at
from services.domain.policy import loading
from services.ledger import store
from services.ledger.batch_rows import CommandRecord, build_rows
from services.ledger.document_cache import DocumentCache
from services.ledger.handlers import CommandHandler
from services.ledger.metrics import LedgerMetrics
from services.ledger.settings import LedgerSettings
from services.ledger.state_republisher import StateRepublisher
from services.ledger.sweeper import Sweeper
from services.shared.kafka import topic_reader
from services.shared.kafka.batch_handling import Message
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Incoming, Outgoing, outgoing
from services.shared.runtime.clock import ScaledClock, SystemClock
from services.shared.runtime.errors import LostRace
from tests.builders import CENTRE, PACK, PACKS, contact, eventually
from tests.system import System


def bodies(groups: list[list[Outgoing]]) -> list[object]:
    return [json.loads(each.value or b"") for group in groups for each in group]


class LedgerUnderTest:
    """A ledger without topics, so that the running one does not see its commands."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.handler = CommandHandler({"carrier": PACK}, SystemClock(), LedgerMetrics(CollectorRegistry()))

    def message(self, command: Command, offset: int) -> Message[Command]:
        return Message(Incoming("tests", 0, offset, None, None), command)

    def decide(self, connection: psycopg.Connection, command: Command, offset: int) -> list[list[Outgoing]]:
        return self.handler.handle([self.message(command, offset)], connection).publish


def opening_command() -> Command:
    first = contact(str(uuid4()), at=datetime.now(UTC))
    action = Open(contact=first, classification=classify(first, PACK))
    return command(ticket_id(first.id), action)


def command(ticket: UUID, action: Open | Note | Remind | Compensate) -> Command:
    actor, authority = simulated_actor(action, "carrier", CENTRE)
    return Command(
        id=uuid4(),
        ticket_id=ticket,
        at=datetime.now(UTC),
        actor=actor,
        policy="carrier",
        action=action,
        authority=authority,
    )


def test_a_command_is_published_again_only_if_the_same_record_is_read_again(system: System) -> None:
    ledger, opening = LedgerUnderTest(system), opening_command()
    with system.database() as connection:
        first = ledger.decide(connection, opening, 1)
        again = ledger.decide(connection, opening, 1)
        elsewhere = ledger.decide(connection, opening, 2)
    assert bodies(again) == bodies(first) != []
    assert elsewhere == [[], [], []]


def test_of_two_owners_of_a_partition_only_one_writes(system: System) -> None:
    """The owner that loses the version check loads and decides again (DESIGN 3)."""
    ledger, opening = LedgerUnderTest(system), opening_command()
    with system.database() as connection:
        ledger.decide(connection, opening, 1)
        before, traces = store.load_tickets(connection, [opening.ticket_id])
        ledger.decide(connection, command(opening.ticket_id, Note(text="first")), 2)
        late = {opening.ticket_id: before[opening.ticket_id].replace(version=before[opening.ticket_id].version + 1)}
        note = command(opening.ticket_id, Note(text="second"))
        record = CommandRecord(note, ("tests", 0, 3), (), (), None, datetime.now(UTC))
        rows = build_rows(before, late, [record], traces, DocumentCache())
        with pytest.raises(LostRace), connection.transaction(), store.save_rows(connection, rows):
            pass
        ledger.decide(connection, note, 3)
        after, _ = store.load_tickets(connection, [opening.ticket_id])
    assert after[opening.ticket_id].version == before[opening.ticket_id].version + 2


@pytest.mark.requirement("R2.4")
def test_another_command_under_the_same_id_is_a_conflict(system: System) -> None:
    ledger, opening = LedgerUnderTest(system), opening_command()
    note = command(opening.ticket_id, Note(text="first"))
    with system.database() as connection:
        ledger.decide(connection, opening, 1)
        ledger.decide(connection, note, 2)
        result = ledger.handler.handle([ledger.message(note.replace(action=Note(text="another")), 3)], connection)
    assert [(letter.reason, letter.field) for letter in result.dead_letters] == [("conflict", "Idempotency-Key")]


def test_a_command_with_an_unknown_pack_is_rejected_with_the_reason(system: System) -> None:
    ledger, opening = LedgerUnderTest(system), opening_command().replace(policy="moon")
    with system.database() as connection:
        result = ledger.handler.handle([ledger.message(opening, 1)], connection)
    assert [(letter.reason, letter.field) for letter in result.dead_letters] == [("bad_schema", "policy")]


def test_states_of_changed_tickets_are_published_again_after_a_takeover(system: System) -> None:
    """A late record of the owner before must not stay the last one (DESIGN 3)."""
    number = system.open_ticket()
    ticket, _ = system.ticket_and_events(number)
    with system.database() as connection:
        row = connection.execute("select partition from ledger.ticket where id = %s", (ticket.id,)).fetchone()
    assert row is not None
    pool = system.database_pool()
    republisher = StateRepublisher(pool, LedgerSettings(settle_after=0.5))
    republisher.on_assigned({row[0]})
    with system.database() as connection:
        connection.execute("update ledger.ticket set saved_at = clock_timestamp() where id = %s", (ticket.id,))
    published: list[Outgoing] = []

    def states() -> list[Outgoing]:
        republisher.publish_states(published.extend)
        key = str(ticket.id).encode()
        return [record for record in published if record.topic == "tickets.state" and record.key == key]

    assert [json.loads(record.value or b"") for record in eventually(states)] == [ticket.to_plain()]
    published.clear()
    republisher.publish_states(published.extend)
    assert published == []
    pool.close()


@dataclass(frozen=True)
class ClockADayAhead(ScaledClock):
    """The clock of a machine whose wall clock has jumped forward."""

    def now(self) -> datetime:
        return super().now() + timedelta(days=1)


@pytest.mark.requirement("R4.9")
def test_the_sweeper_uses_the_time_of_the_database(system: System) -> None:
    assert isinstance(system.clock, ScaledClock)
    ahead = ClockADayAhead(system.clock.scale, system.clock.real_origin, system.clock.business_origin)
    pool, published = system.database_pool(), list[Outgoing]()
    sweeper = Sweeper(pool, ahead, LedgerSettings(), LedgerMetrics(CollectorRegistry()))
    number = system.open_ticket()
    sweeper.send_ticks(published.extend)
    assert str(system.ticket_and_events(number)[0].id).encode() not in {each.key for each in published}
    pool.close()


@pytest.mark.requirement("R2.6")
def test_a_reminder_takes_no_ticket_number(system: System) -> None:
    ledger, first, second = LedgerUnderTest(system), opening_command(), opening_command()
    assert isinstance(first.action, Open)
    message = contact(str(uuid4()), at=datetime.now(UTC))
    reminder = command(first.ticket_id, Remind(contact=message, classification=first.action.classification, reason="x"))
    with system.database() as connection:
        for offset, each in enumerate((first, reminder, first, second)):
            ledger.decide(connection, each, offset)
        tickets, _ = store.load_tickets(connection, [first.ticket_id, second.ticket_id])
    opened, following = tickets[first.ticket_id], tickets[second.ticket_id]
    assert opened.reminders == 1
    day = f"TS{opened.accepted_at.astimezone(ZoneInfo(PACK.header.zone)):%Y%m%d}"
    assert opened.number.startswith(day)
    assert int(following.number.removeprefix(day)) == int(opened.number.removeprefix(day)) + 1


def grant(ticket: UUID, person: str, amount: int, key: str) -> Command:
    action = Compensate(amount=str(amount), covers="service_use", text="x")
    actor, authority = simulated_actor(action, "carrier", CENTRE, person, "agent")
    return command(ticket, action).replace(actor=actor.replace(key=key), authority=authority)


@pytest.mark.requirement("R3.6")
def test_compensation_counts_in_the_month_of_the_pack_in_any_connection_zone(system: System) -> None:
    ledger, first, person, key = LedgerUnderTest(system), opening_command(), str(uuid4()), str(uuid4())
    by_person, by_key = Grantor("person", person), Grantor("key", key)
    with system.database() as connection:
        ledger.decide(connection, first, 1)
        ledger.decide(connection, grant(first.ticket_id, person, 20, key), 2)
        month = period_at(datetime.now(UTC), PeriodLength.MONTH, PACK.header.zone)
        for name in ("UTC", "Pacific/Kiritimati", "America/Los_Angeles"):
            connection.execute("select set_config('TimeZone', %s, false)", (name,))
            for grantor in (by_person, by_key):
                assert store.granted_compensation(connection, grantor, PACK, month) == Decimal(20)
                assert store.granted_compensation(connection, grantor, PACK, month.previous) == Decimal(0)
        # Other packs, and persons whom the pack names, have sums of their own.
        assert store.granted_compensation(connection, by_person, PACKS["bus"], month) == Decimal(0)
        named = replace(PACK, persons={person: next(iter(PACK.persons.values()))})
        assert store.granted_compensation(connection, by_key, named, month) == Decimal(0)
        # At the very beginning of the month in Shanghai, which is still the month before in UTC.
        connection.execute(
            "update ledger.event set at = %s where type = 'compensated' and ticket_id = %s",
            (month.start, first.ticket_id),
        )
        assert store.granted_compensation(connection, by_person, PACK, month) == Decimal(20)


@pytest.mark.requirement("R3.6")
def test_two_processes_do_not_both_reach_the_limit_of_a_month(system: System) -> None:
    """Each would find that 30 of 50 yuan are left to grant, if neither saw what the other grants."""
    rule = PACK.outcome.compensation
    assert rule is not None
    levels = tuple(level.model_copy(update={"month": 50}) for level in rule.levels)
    outcome = PACK.outcome.model_copy(update={"compensation": rule.model_copy(update={"levels": levels})})
    ledger, person, tickets = LedgerUnderTest(system), str(uuid4()), [opening_command(), opening_command()]
    ledger.handler = CommandHandler(
        {"carrier": replace(PACK, outcome=outcome)}, SystemClock(), LedgerMetrics(CollectorRegistry())
    )
    with system.database() as connection:
        for offset, each in enumerate(tickets):
            ledger.decide(connection, each, offset)

    def second() -> list[list[Outgoing]]:
        with system.database() as connection, connection.transaction():
            return ledger.decide(connection, grant(tickets[1].ticket_id, person, 30, "b"), 11)

    with ThreadPoolExecutor(1) as other:
        with system.database() as connection, connection.transaction():
            ledger.decide(connection, grant(tickets[0].ticket_id, person, 30, "a"), 10)
            running = other.submit(second)
            with system.database() as observer:
                waiting = "select 1 from pg_locks where locktype = 'advisory' and not granted"
                eventually(lambda: running.done() or observer.execute(waiting).fetchone())
        running.result()
    with system.database() as connection:
        found, _ = store.load_tickets(connection, [each.ticket_id for each in tickets])
    assert [found[each.ticket_id].compensation_total for each in tickets] == ["30", "0"]


def test_a_command_that_is_on_the_topic_three_times_is_done_once(system: System) -> None:
    number = system.open_ticket()
    ticket, _ = system.ticket_and_events(number)
    note = Command(
        id=uuid4(),
        ticket_id=ticket.id,
        at=system.clock.now(),
        actor=Actor(kind="service", name="router"),
        action=Note(text="x"),
    )
    publisher = Publisher(system.kafka, "tests")
    publisher.publish([outgoing(note, "tests")] * 3)
    publisher.close()
    system.wait_for_event(number, "noted")
    system.send_command(number, "note", text="behind them")
    eventually(lambda: [each.type for each in system.ticket_and_events(number)[1]].count("noted") == 2)
    _, events = system.ticket_and_events(number)

    def published_versions() -> list[int]:
        key, records = str(ticket.id).encode(), topic_reader.read_all(system.kafka, "tickets.events")
        return [json.loads(record.value or b"")["version"] for record in records if record.key == key]

    eventually(lambda: len(published_versions()) >= len(events), why="not every event is on the topic")
    versions = published_versions()
    assert versions == list(range(1, len(versions) + 1))


def test_the_policies_of_the_tree_are_those_of_the_services() -> None:
    folder = LedgerSettings().policies
    assert loading.load(folder).keys() == {each.parent.name for each in folder.glob("*/pack.toml")} > {"carrier"}
