"""The batch consumer on a real broker and database: nothing is dropped, blocked or saved twice."""

from uuid import uuid4

import pytest

from services.shared.kafka import bars, dead_letter_admin
from services.shared.runtime.errors import TooManyBugs
from tests.batch_consumer import ConsumerUnderTest
from tests.builders import eventually
from tests.system import System

FAILURES = 6
"""Attempts of two members at their batches while the database is away."""


@pytest.mark.requirement("R2.5")
def test_an_invalid_record_becomes_a_dead_letter_and_the_others_are_handled(system: System) -> None:
    """Promise 5."""
    tested = ConsumerUnderTest(system)
    with tested.started():
        tested.send(b"1", b'"two"', b"2", b"\xff")
        eventually(lambda: tested.saved() == [1, 2] and tested.published() == [2, 4])
        eventually(lambda: len(tested.dead_letters()) == 2)
    assert dict(tested.dead_letters()) == {b'"two"': "bad_schema", b"\xff": "bug"}


def test_only_the_record_on_which_our_code_fails_becomes_a_dead_letter(system: System) -> None:
    tested = ConsumerUnderTest(system)
    with tested.started():
        tested.send(b"1", b"13", b"2")
        eventually(lambda: tested.saved() == [1, 2])
        (letter,) = eventually(tested.dead_letters)
    assert letter == (b"13", "bug")


@pytest.mark.requirement("R2.5")
def test_what_is_published_too_large_is_a_dead_letter_and_the_rest_goes_on(system: System) -> None:
    """Promise 5."""
    tested = ConsumerUnderTest(system)
    tested.handler.oversized = {2: b"".join(uuid4().bytes for _ in range(20_000))}
    with tested.started():
        tested.send(b"1", b"2", b"3")
        eventually(lambda: tested.published() == [2, 6])
        eventually(lambda: tested.committed() == 3)
    letters = [each for each in dead_letter_admin.unresolved(system.kafka) if each.details["topic"] == tested.target]
    assert [(letter.value, letter.details["reason"]) for letter in letters] == [
        (tested.handler.oversized[2], "too_large")
    ]


def test_a_batch_is_handled_again_after_a_lost_race(system: System) -> None:
    tested = ConsumerUnderTest(system)
    tested.handler.races = 3
    with tested.started():
        tested.send(b"5")
        eventually(lambda: tested.published() == [10])


def test_a_record_waits_while_what_it_is_decoded_with_is_not_available(system: System) -> None:
    tested = ConsumerUnderTest(system)
    tested.handler.unreadable = 2
    with tested.started():
        tested.send(b"6")
        eventually(lambda: tested.published() == [12])
    assert tested.dead_letters() == []


def test_a_restarted_service_goes_on_where_it_stopped(system: System) -> None:
    tested = ConsumerUnderTest(system)
    with tested.started():
        tested.send(b"1")
        eventually(lambda: tested.published() == [2])
    tested.send(b"2")
    tested.restart()
    with tested.started():
        eventually(lambda: tested.published() == [2, 4])


def test_too_many_bugs_stop_the_loop_before_the_topic_is_drained(system: System) -> None:
    tested = ConsumerUnderTest(system, bugs_per_ten_minutes=3, batch_size=2)
    tested.send(*[b"13"] * 10)
    with tested.started():
        failure = eventually(lambda: tested.failure)
    assert isinstance(failure, TooManyBugs)
    assert "duban dlq list" in str(failure)
    assert len(tested.dead_letters()) <= 3
    tested.restart()
    tested.failure = None
    with tested.started():
        assert isinstance(eventually(lambda: tested.failure), TooManyBugs)


@pytest.mark.requirement("R2.5")
def test_too_many_dead_letters_bar_their_sender_and_nobody_else(system: System) -> None:
    """DECISIONS 41."""
    tested = ConsumerUnderTest(system, dead_letters_per_hour=3, batch_size=2)
    tested.send(*[b'"x"'] * 6)
    with tested.started():
        eventually(lambda: len(tested.dead_letters()) == 6)
        tested.send(b"7", b"1007")
        eventually(lambda: tested.saved() == [1007])
        eventually(lambda: (b"7", "barred") in tested.dead_letters())
    tested.restart()
    with tested.started():
        tested.send(b"8", b"1008")
        eventually(lambda: tested.saved() == [1007, 1008])
        eventually(lambda: (b"8", "barred") in tested.dead_letters())
    with system.database() as connection:
        (bar,) = [each for each in bars.in_force(connection) if each.topic == tested.source]
        assert (bar.sender, bar.dead_letters > 3) == ("tests", True)
        assert bars.lift(connection, "tests") == 1
    tested.restart()
    with tested.started():
        tested.send(b'"x"', b"9")
        eventually(lambda: tested.saved() == [9, 1007, 1008])


def test_a_backlog_during_an_outage_and_rebalances_loses_no_record(system: System) -> None:
    """Partitions are paused, sought back and given away, all at once."""
    tested = ConsumerUnderTest(system, batch_size=5)
    expected = list(range(20, 80))
    with tested.started():
        tested.send(b"1")
        eventually(lambda: tested.published() == [2])
        tested.handler.away = True
        tested.send(*(str(number).encode() for number in expected), key=None)
        with tested.another_member().started():
            # Long enough for both to have some partitions, paused and sought back.
            eventually(lambda: tested.handler.failures >= FAILURES)
        tested.handler.away = False
        eventually(lambda: tested.saved() == [1, *expected])
    assert sorted({*tested.published()}) == sorted([2, *(2 * number for number in expected)])


def test_an_outage_of_the_database_is_survived(system: System) -> None:
    tested = ConsumerUnderTest(system)
    with tested.started():
        tested.send(b"1")
        eventually(lambda: tested.published() == [2])
        with system.outage("postgres"):
            tested.send(b"2", b"3")
        eventually(lambda: tested.published() == [2, 4, 6], within=60)
    system.wait_until_ready()


def test_an_outage_of_the_broker_is_survived(system: System) -> None:
    tested = ConsumerUnderTest(system)
    with tested.started():
        tested.send(b"1")
        eventually(lambda: tested.published() == [2])
        with system.outage("kafka"):
            pass
        tested.send(b"2")
        eventually(lambda: tested.saved() == [1, 2], within=60)
        eventually(lambda: sorted(set(tested.published())) == [2, 4], within=60)
    system.wait_until_ready()
