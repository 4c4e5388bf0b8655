"""`duban ledger verify` on a real database: it finds each kind of difference, in memory that does not grow."""

import json
import multiprocessing
import resource
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import LiteralString

import psycopg
import pytest

from schemas.action import Note, Withdraw
from schemas.ticket import Ticket
from services.ledger.verify import verify
from services.shared.kafka.records import Incoming
from tests.builders import CENTRE, contact
from tests.database_ledger import DatabaseLedger
from tests.postgres import PostgresServer

FEW, MANY = 1_000, 3_500
"""Tickets of two runs: both fill the buffers of the cursors, of 500 rows each, so what differs is what grows."""
MEGABYTE = 1024
"""In the unit of `ru_maxrss`."""
WITHOUT_SECOND_EVENT: LiteralString = """
delete from ledger.event e using ledger.ticket t where t.id = e.ticket_id and t.status <> 'withdrawn' and e.version = 2
"""
WITHOUT_THE_OPEN_TICKET: tuple[LiteralString, ...] = (
    "delete from ledger.event e using ledger.ticket t where t.id = e.ticket_id and t.status <> 'withdrawn'",
    "delete from ledger.clock",
    "delete from ledger.ticket where status <> 'withdrawn'",
)


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    with postgres.database() as url:
        yield url


def filled(url: str) -> list[Incoming]:
    """Fill a database with two tickets; returns the records of tickets.state."""
    with psycopg.connect(url, autocommit=True) as connection:
        ledger = DatabaseLedger(connection)
        first = ledger.open(contact("m1"))
        ledger.do(ledger.open(contact("m2")), Withdraw(reason="r", evidence="calls/1"), unit=CENTRE)
        ledger.do(first, Note(text="n"), unit=CENTRE)
        return [
            Incoming(Ticket.TOPIC, 0, offset, record.key, record.value) for offset, record in enumerate(ledger.states())
        ]


def verified(url: str, states: list[Incoming]) -> tuple[int, list[str]]:
    found: list[str] = []
    with psycopg.connect(url) as connection:
        result = verify(connection, states, found.append)
    assert result.differences == len(found)
    return result.tickets, found


def change(url: str, statement: LiteralString) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement)


@pytest.mark.requirement("R7.3")
def test_a_ledger_that_is_the_same_everywhere_has_no_differences(url: str) -> None:
    """Promise 3."""
    assert verified(url, filled(url)) == (2, [])


def test_the_order_of_the_names_in_an_object_is_no_difference(url: str) -> None:
    states = filled(url)
    marks = dict.fromkeys(("zeta", "alpha", "b"), "2026-03-12T01:00:00Z")
    with psycopg.connect(url) as connection:
        connection.execute("update ledger.ticket set body = body || %s", (json.dumps({"entry_marks": marks}),))
    changed = [
        replace(state, value=json.dumps(json.loads(state.value or b"") | {"entry_marks": marks}).encode())
        for state in states
    ]
    assert {difference.partition(": ")[2] for difference in verified(url, changed)[1]} == {
        "the stored ticket is not what its 3 events make"
    }


def test_a_stored_ticket_that_its_events_do_not_make_is_reported(url: str) -> None:
    states = filled(url)
    change(url, "update ledger.ticket set body = jsonb_set(body, '{reminders}', '7') where status <> 'withdrawn'")
    tickets, (not_folded, not_published) = verified(url, states)
    assert tickets == 2
    assert "is not what its 3 events make" in not_folded
    assert "the last record of tickets.state is not the stored ticket" in not_published


def test_a_gap_in_the_events_is_reported(url: str) -> None:
    states = filled(url)
    change(url, WITHOUT_SECOND_EVENT)
    _, (difference,) = verified(url, states)
    assert "cannot follow: 2 is next" in difference


def test_what_tickets_state_lacks_has_too_much_or_has_deleted_is_reported(url: str) -> None:
    states = filled(url)
    key = states[0].key
    deleted = [*states, replace(states[0], offset=99, value=None)]
    stranger = replace(states[0], offset=100, key=str(uuid.uuid4()).encode())
    assert "tickets.state has no record of it" in verified(url, deleted)[1][0]
    assert "has no record of it" in verified(url, [state for state in states if state.key != key])[1][0]
    assert verified(url, [*states, stranger])[1] == [
        f"{(stranger.key or b'').decode()}: tickets.state has a ticket that is not stored"
    ]
    assert "is not the stored ticket" in verified(url, [*states, replace(states[0], offset=101)])[1][0]


def test_a_record_that_is_no_ticket_is_reported_with_its_place(url: str) -> None:
    states = filled(url)
    _, (difference,) = verified(url, [*states, replace(states[0], offset=7, partition=3, value=b"{}")])
    assert difference.startswith("tickets.state, partition 3, offset 7: ")


COPIES: LiteralString = """
with copy as materialized (select i, ('00000000-0000-4000-8000-' || lpad(to_hex(i), 12, '0'))::uuid as id
    from generate_series(%(first)s::int, %(last)s::int) i),
tickets as (
    insert into ledger.ticket (id, number, version, partition, status, contact_id, accepted_at, updated_at, body)
    select copy.id, number || '-' || i, version, partition, status, gen_random_uuid(), accepted_at, updated_at,
        body || jsonb_build_object('id', copy.id, 'number', number || '-' || i)
    from ledger.ticket, copy where status = 'withdrawn' and number !~ '-')
insert into ledger.event (ticket_id, version, id, type, at, body)
select copy.id, e.version, gen_random_uuid(), e.type, e.at,
    jsonb_set(e.body, '{ticket_id}', to_jsonb(copy.id)) || case when e.version = 1 then jsonb_build_object('changes',
        e.body -> 'changes' || jsonb_build_object('id', copy.id, 'number', t.number || '-' || i)) else '{}' end
from copy, ledger.event e join ledger.ticket t on t.id = e.ticket_id
where t.status = 'withdrawn' and t.number !~ '-'
"""


def copied_states(url: str, count: int) -> Iterator[Incoming]:
    """Yield a record for each of the tickets, without holding them."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "select id, number, body::text from ledger.ticket where number !~ '-' and status = 'withdrawn'"
        ).fetchone()
    assert row is not None
    id_, number, body = row
    for index in range(count + 1):
        copy = f"00000000-0000-4000-8000-{index:012x}" if index else str(id_)
        value = body.replace(str(id_), copy).replace(f'"{number}"', f'"{number}-{index}"' if index else f'"{number}"')
        yield Incoming(Ticket.TOPIC, 0, index, copy.encode(), value.encode())


def measure(url: str, count: int, results: "multiprocessing.Queue[tuple[int, int, int]]") -> None:
    """Verify; reports the number of tickets and of differences, and the most memory of the process in KiB."""
    with psycopg.connect(url) as connection:
        result = verify(connection, copied_states(url, count), print)
    results.put((result.tickets, result.differences, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


def verified_in_a_process(url: str, count: int) -> tuple[int, int, int]:
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=measure, args=(url, count, results))
    process.start()
    found: tuple[int, int, int] = results.get(timeout=300)
    process.join(30)
    return found


def test_memory_does_not_grow_with_the_number_of_tickets(url: str) -> None:
    """Measured: 40 MB more than an idle process for 3,000, 10,000 and 50,000 tickets, of 9 KB each."""
    filled(url)
    for statement in WITHOUT_THE_OPEN_TICKET:
        change(url, statement)
    most = []
    for first, last in ((1, FEW), (FEW + 1, MANY)):
        with psycopg.connect(url) as connection:
            connection.execute(COPIES, {"first": first, "last": last})
        tickets, differences, memory = verified_in_a_process(url, last)
        assert (tickets, differences) == (last + 1, 0)
        most.append(memory)
    grown = (most[1] - most[0]) / MEGABYTE
    assert grown < 10, f"{grown:.0f} MB more for {MANY - FEW} tickets of 9 KB more"
