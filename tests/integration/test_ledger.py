"""The ledger on real stores: one writer wins, a repeat is known as one, states are told again after a hand-over."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from schemas.action import Compensate, Note, Open, Remind
from schemas.command import Actor, Command
from services.domain.ids import ticket_id
from services.domain.kpi.periods import PeriodLength, period_at
from services.domain.policy import loading
from services.ledger import store
from services.ledger.handlers import CommandHandler, LedgerMaintenance
from services.ledger.metrics import LedgerMetrics
from services.ledger.settings import LedgerSettings
from services.router.domain.classify import classify
from services.shared.kafka import topic_reader
from services.shared.kafka.batch_consumer import Message
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Incoming, Outgoing, outgoing
from services.shared.runtime.clock import ScaledClock, SystemClock
from services.shared.runtime.errors import LostRace
from tests.builders import CENTRE, PACK, contact, eventually
from tests.system import System


def bodies(groups: list[list[Outgoing]]) -> list[object]:
    return [json.loads(each.value or b"") for group in groups for each in group]


class Ledger:
    """A ledger of its own kind, so that the running one does not see its commands."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.decider = CommandHandler({"carrier": PACK}, SystemClock(), LedgerMetrics(CollectorRegistry()))

    def message(self, command: Command, offset: int) -> Message[Command]:
        return Message(Incoming("tests", 0, offset, None, None), command)

    def decide(self, connection: psycopg.Connection, command: Command, offset: int) -> list[list[Outgoing]]:
        return self.decider.handle([self.message(command, offset)], connection).publish


def opening() -> Command:
    told = contact(str(uuid4()), at=datetime.now(UTC))
    action = Open(contact=told, classification=classify(told, PACK))
    return command(ticket_id(told.id), action)


def command(ticket: UUID, action: Open | Note | Remind | Compensate) -> Command:
    return Command(
        id=uuid4(),
        ticket_id=ticket,
        at=datetime.now(UTC),
        actor=Actor(kind="service", name="tests"),
        policy="carrier",
        action=action,
    )


def test_the_same_command_at_the_same_place_is_published_again_at_another_it_is_not(system: System) -> None:
    ledger, told = Ledger(system), opening()
    with system.database() as connection:
        first = ledger.decide(connection, told, 1)
        again = ledger.decide(connection, told, 1)
        elsewhere = ledger.decide(connection, told, 2)
    assert bodies(again) == bodies(first) != []
    assert elsewhere == [[], [], []]


def test_two_owners_for_a_moment_and_only_one_of_them_writes(system: System) -> None:
    """DESIGN 3: whoever loses the version check reads again and decides again."""
    ledger, told = Ledger(system), opening()
    with system.database() as connection:
        ledger.decide(connection, told, 1)
        before, traces = store.load_tickets(connection, [told.ticket_id])
        ledger.decide(connection, command(told.ticket_id, Note(text="first")), 2)
        late = {told.ticket_id: before[told.ticket_id].replace(version=before[told.ticket_id].version + 1)}
        note = command(told.ticket_id, Note(text="second"))
        decision = store.CommandRecord(note, ("tests", 0, 3), (), (), None, datetime.now(UTC))
        saving = store.saving(connection, before, late, [decision], traces)
        with pytest.raises(LostRace), connection.transaction(), saving:
            pass
        ledger.decide(connection, note, 3)
        after, _ = store.load_tickets(connection, [told.ticket_id])
    assert after[told.ticket_id].version == before[told.ticket_id].version + 2


@pytest.mark.requirement("R2.4")
def test_another_command_under_the_same_id_is_a_conflict_that_is_kept(system: System) -> None:
    ledger, told = Ledger(system), opening()
    note = command(told.ticket_id, Note(text="first"))
    with system.database() as connection:
        ledger.decide(connection, told, 1)
        ledger.decide(connection, note, 2)
        result = ledger.decider.handle([ledger.message(note.replace(action=Note(text="another")), 3)], connection)
    assert [(each.reason, each.field) for each in result.dead_letters] == [("conflict", "Idempotency-Key")]


def test_a_command_of_a_pack_that_is_not_there_is_refused_with_the_reason(system: System) -> None:
    ledger, told = Ledger(system), opening().replace(policy="moon")
    with system.database() as connection:
        result = ledger.decider.handle([ledger.message(told, 1)], connection)
    assert [(each.reason, each.field) for each in result.dead_letters] == [("bad_schema", "policy")]


def test_after_a_hand_over_the_states_of_changed_tickets_are_published_once_more(system: System) -> None:
    """A zombie's late record never stays last (DESIGN 3)."""
    number = system.open_ticket()
    ticket, _ = system.ticket_and_events(number)
    with system.database() as connection:
        row = connection.execute("select partition from ledger.ticket where id = %s", (ticket.id,)).fetchone()
    assert row is not None
    pool = system.database_pool()
    settings = LedgerSettings(settle_after=0.5, sweep_after=10**6)
    chores = LedgerMaintenance(pool, system.clock, settings, LedgerMetrics(CollectorRegistry()))
    chores.gained({row[0]})
    with system.database() as connection:
        connection.execute("update ledger.ticket set saved_at = clock_timestamp() where id = %s", (ticket.id,))
    published: list[Outgoing] = []

    def again() -> list[Outgoing]:
        chores(published.extend)
        return [each for each in published if each.topic == "tickets.state" and each.key == str(ticket.id).encode()]

    states = eventually(again)
    assert [json.loads(each.value or b"") for each in states] == [ticket.to_plain()]
    published.clear()
    chores(published.extend)
    assert published == []
    pool.close()


@dataclass(frozen=True)
class DayAhead(ScaledClock):
    """A clock on a machine whose wall clock has jumped."""

    def now(self) -> datetime:
        return super().now() + timedelta(days=1)


@pytest.mark.requirement("R4.9")
def test_the_sweeper_goes_by_the_database_s_time(system: System) -> None:
    assert isinstance(system.clock, ScaledClock)
    ahead = DayAhead(system.clock.scale, system.clock.real_origin, system.clock.business_origin)
    pool, published = system.database_pool(), list[Outgoing]()
    chores = LedgerMaintenance(pool, ahead, LedgerSettings(), LedgerMetrics(CollectorRegistry()))
    number = system.open_ticket()
    chores(published.extend)
    assert str(system.ticket_and_events(number)[0].id).encode() not in {each.key for each in published}
    pool.close()


@pytest.mark.requirement("R2.6")
def test_a_reminder_takes_no_ticket_number(system: System) -> None:
    ledger, first, second = Ledger(system), opening(), opening()
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


@pytest.mark.requirement("R3.6")
def test_compensation_counts_in_the_month_of_the_pack_whatever_the_connection_s_zone(system: System) -> None:
    ledger, first, person = Ledger(system), opening(), str(uuid4())
    give = command(first.ticket_id, Compensate(amount="20", covers="service_use", level="agent", text="x"))
    give = give.replace(actor=Actor(kind="unit", name=person, unit=CENTRE))
    with system.database() as connection:
        ledger.decide(connection, first, 1)
        ledger.decide(connection, give, 2)
        month = period_at(datetime.now(UTC), PeriodLength.MONTH, PACK.header.zone)
        for name in ("UTC", "Pacific/Kiritimati", "America/Los_Angeles"):
            connection.execute("select set_config('TimeZone', %s, false)", (name,))
            assert store.spent(connection, person, month) == Decimal(20)
            assert store.spent(connection, person, month.previous) == Decimal(0)
        # At the very beginning of the month in Shanghai, which is still the month before in UTC.
        connection.execute(
            "update ledger.event set at = %s where type = 'compensated' and ticket_id = %s",
            (month.start, first.ticket_id),
        )
        assert store.spent(connection, person, month) == Decimal(20)


def test_a_command_that_came_twice_over_the_topic_is_done_once(system: System) -> None:
    number = system.open_ticket()
    ticket, _ = system.ticket_and_events(number)
    note = Command(
        id=uuid4(),
        ticket_id=ticket.id,
        at=system.clock.now(),
        actor=Actor(kind="service", name="tests"),
        action=Note(text="x"),
    )
    publisher = Publisher(system.kafka, "tests")
    publisher.publish([outgoing(note, "tests")] * 3)
    publisher.close()
    system.wait_for_event(number, "noted")
    system.send_command(number, "note", text="behind them")
    eventually(lambda: [each.type for each in system.ticket_and_events(number)[1]].count("noted") == 2)
    _, events = system.ticket_and_events(number)

    def told() -> list[int]:
        records = topic_reader.read_all(system.kafka, "tickets.events")
        return [json.loads(each.value or b"")["version"] for each in records if each.key == str(ticket.id).encode()]

    eventually(lambda: len(told()) >= len(events), why="not every event is on the topic")
    assert told() == list(range(1, len(told()) + 1))


def test_the_policies_of_the_tree_are_those_of_the_services() -> None:
    folder = LedgerSettings().policies
    assert loading.load(folder).keys() == {each.parent.name for each in folder.glob("*/pack.toml")} > {"carrier"}
