"""Merges on a real database: whatever processes decide at the same moment, no circle comes about."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from random import Random
from typing import LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from duban.simulated_actor import simulated_actor
from schemas.action import Merge, Note, Open, Remind
from schemas.command import Action, Command
from schemas.ticket import Status, Ticket
from services.domain.classify import classify
from services.ledger import store
from services.ledger.handlers import CommandHandler
from services.ledger.metrics import LedgerMetrics
from services.shared.kafka.batch_handling import Message
from services.shared.kafka.records import Incoming
from services.shared.runtime.errors import LostRace
from tests.builders import CENTRE, MORNING, PACK, PACKS, contact, eventually
from tests.database_ledger import DatabaseLedger, SettableClock
from tests.postgres import PostgresServer

RACES = (LostRace, psycopg.errors.UniqueViolation, psycopg.errors.DeadlockDetected)
"""What a consumer takes as a reason to decide a batch again."""
BLOCKED: LiteralString = (
    "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
)
LEGACY_MERGE: LiteralString = """
update ledger.ticket set status = 'withdrawn', body = jsonb_set(
    body #- '{merged_into}', '{links}', jsonb_build_array(jsonb_build_object(
        'ticket_id', %(into)s::text, 'kind', 'merged_into', 'reason', 'r')))
    || '{"status": "withdrawn"}'
where id = %(id)s
"""


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    with postgres.database() as url:
        yield url


@pytest.fixture
def connection(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def handler() -> CommandHandler:
    return CommandHandler(PACKS, SettableClock(), LedgerMetrics(CollectorRegistry()))


def command(ticket: UUID, action: Action) -> Command:
    actor, authority = simulated_actor(action, "carrier", CENTRE)
    return Command(
        id=uuid4(),
        ticket_id=ticket,
        at=MORNING,
        actor=actor,
        policy="carrier",
        action=action,
        authority=authority,
    )


def merging(ticket: UUID, into: UUID) -> Command:
    return command(ticket, Merge(into=into, reason="same matter"))


def batch(*commands: Command) -> list[Message[Command]]:
    return [
        Message(Incoming(Command.TOPIC, each.ticket_id.int % 12, offset, None, None), each)
        for offset, each in enumerate(commands)
    ]


def tickets(connection: psycopg.Connection, *ids: UUID) -> list[Ticket]:
    found, _ = store.load_tickets(connection, ids)
    return [found[id_] for id_ in ids]


def opened(connection: psycopg.Connection, number: int) -> list[UUID]:
    ledger = DatabaseLedger(connection)
    return [ledger.open(contact(f"m{count}")) for count in range(number)]


def refusal(connection: psycopg.Connection, command: Command) -> str | None:
    row = connection.execute("select refusal ->> 'code' from ledger.command where id = %s", [command.id]).fetchone()
    return row[0] if row else None


def test_two_tickets_that_are_merged_crosswise_at_one_moment_make_no_circle(
    url: str, connection: psycopg.Connection
) -> None:
    first, second = opened(connection, 2)
    backwards = merging(second, first)
    lost: list[Exception] = []

    def merge_backwards() -> None:
        with suppress(LostRace), psycopg.connect(url) as other:
            try:
                handler().handle(batch(backwards), other)
            except LostRace as error:
                lost.append(error)
                raise

    with psycopg.connect(url) as one:
        handler().handle(batch(merging(first, second)), one)
        # It decides on what is stored, in which both are open, and waits for the rows.
        thread = threading.Thread(target=merge_backwards)
        thread.start()
        eventually(lambda: connection.execute(BLOCKED).fetchone() == (1,), why="the second merge does not wait")
    thread.join(20)
    assert len(lost) == 1
    with psycopg.connect(url) as other:
        handler().handle(batch(backwards), other)
    assert refusal(connection, backwards) == "merged"
    merged, survivor = tickets(connection, first, second)
    assert (merged.merged_into, survivor.merged_into, survivor.open) == (second, None, True)


def test_a_merge_into_a_ticket_that_changed_meanwhile_is_decided_again(
    url: str, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = opened(connection, 2)
    original = store.save_rows

    def change_second(*args: object) -> object:
        DatabaseLedger(connection).do(second, Note(text="meanwhile"), unit=CENTRE)
        return original(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "save_rows", _once(change_second, original))
    with psycopg.connect(url) as one:
        with pytest.raises(LostRace):
            handler().handle(batch(merging(first, second)), one)
        one.rollback()
    assert tickets(connection, first)[0].open


def _once(first: object, then: object) -> object:
    calls = iter([first])

    def call(*args: object) -> object:
        return next(calls, then)(*args)  # type: ignore[operator]

    return call


def test_merges_within_one_batch_see_each_other(connection: psycopg.Connection) -> None:
    first, second, third = opened(connection, 3)
    crosswise = [merging(first, second), merging(second, first), merging(second, third), merging(third, first)]
    with connection.transaction():
        handler().handle(batch(*crosswise), connection)
    assert [refusal(connection, each) for each in crosswise] == [None, "merged", None, "merged"]
    assert [ticket.merged_into for ticket in tickets(connection, first, second, third)] == [second, third, None]


def test_a_ticket_is_merged_into_one_that_the_same_batch_opens(connection: psycopg.Connection) -> None:
    (first,) = opened(connection, 1)
    message = contact("new")
    new = uuid4()
    opening = command(new, Open(contact=message, classification=classify(message, PACK)))
    with connection.transaction():
        handler().handle(batch(opening, merging(first, new)), connection)
    assert tickets(connection, first)[0].merged_into == new


@pytest.mark.requirement("R2.4")
def test_a_reminder_of_a_merged_ticket_reaches_the_end_of_the_chain(connection: psycopg.Connection) -> None:
    ledger = DatabaseLedger(connection)
    first, second, third = opened(connection, 3)
    ledger.do(first, Merge(into=second, reason="r"), unit=CENTRE)
    ledger.do(second, Merge(into=third, reason="r"), unit=CENTRE)
    again = contact("again")
    ledger.do(first, Remind(contact=again, classification=classify(again, PACK), reason="r"))
    assert [ticket.reminders for ticket in tickets(connection, first, second, third)] == [0, 0, 1]
    assert connection.execute("select count(*) from ledger.ticket").fetchone() == (3,)


def test_merges_of_before_are_followed_by_their_links_and_circles_end(connection: psycopg.Connection) -> None:
    ledger = DatabaseLedger(connection)
    first, second, third = opened(connection, 3)
    again, more = contact("again"), contact("more")
    connection.execute(LEGACY_MERGE, {"id": first, "into": second})
    ledger.do(first, Remind(contact=again, classification=classify(again, PACK), reason="r"))
    assert tickets(connection, second)[0].reminders == 1
    connection.execute(LEGACY_MERGE, {"id": second, "into": first})
    ledger.do(first, Remind(contact=more, classification=classify(more, PACK), reason="r"))
    row = connection.execute("select count(*) from ledger.ticket where contact_id = %s", [more.id]).fetchone()
    assert row == (1,)
    crosswise = merging(third, first)
    ledger.decide(crosswise)
    assert refusal(connection, crosswise) == "merged"


def test_many_processes_merge_at_once_and_every_chain_has_an_end(url: str, connection: psycopg.Connection) -> None:
    ids = opened(connection, 8)
    errors: list[BaseException] = []

    def merge_at_random(seed: int) -> None:
        rng, decider = Random(seed), handler()
        try:
            with psycopg.connect(url) as mine:
                for _ in range(25):
                    commands = [merging(*rng.sample(ids, 2)) for _ in range(rng.randint(1, 3))]
                    for _ in range(50):
                        try:
                            with mine.transaction():
                                decider.handle(batch(*commands), mine)
                            break
                        except RACES:
                            continue
        except BaseException as error:  # noqa: BLE001 - shown by the test
            errors.append(error)

    threads = [threading.Thread(target=merge_at_random, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    found = {ticket.id: ticket for ticket in tickets(connection, *ids)}
    assert sum(ticket.merged_into is None for ticket in found.values()) == 1
    for ticket in found.values():
        end, steps = ticket, 0
        while end.merged_into is not None:
            end, steps = found[end.merged_into], steps + 1
            assert steps < len(ids)
        assert end.status is Status.ACCEPTED
