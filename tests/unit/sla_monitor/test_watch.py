"""The monitor's core: what it is given, keeps, loads and forgets."""

from datetime import timedelta
from uuid import UUID, uuid4

from schemas.command import Command
from services.sla_monitor.domain.partition_tracker import PartitionTracker, tick
from services.sla_monitor.domain.schedule import NEVER, ScheduledTicket
from tests.builders import MORNING

ID = uuid4().bytes


def entry(version: int, at: float, partition: int = 0) -> ScheduledTicket:
    return ScheduledTicket(at, version, ID, partition)


def watching(*partitions: int, end: int = 10) -> PartitionTracker:
    watch = PartitionTracker()
    told = watch.assigned(partitions)
    watch.begin(dict.fromkeys(told.new, end), told.run)
    watch.loaded(told.new, told.run)
    return watch


def test_what_is_given_again_is_kept_and_read_on_where_it_stopped() -> None:
    watch = watching(0, 1)
    watch.events(0, [entry(1, 60.0)], following=11)
    told = watch.assigned([0, 2])
    assert told.kept == {0: 11}
    assert (told.new, told.lost) == (frozenset({2}), frozenset({1}))
    assert [each.ticket for each in watch.due(61.0, 10)] == [ID]


def test_what_is_given_to_somebody_else_is_forgotten() -> None:
    watch = watching(0)
    watch.events(0, [entry(1, 60.0)], following=11)
    watch.assigned([])
    assert watch.due(61.0, 10) == []
    watch.events(0, [entry(2, 60.0)], following=12)
    assert watch.due(61.0, 10) == []


def test_a_partition_that_waits_for_its_end_is_neither_kept_nor_new_once_more() -> None:
    watch = PartitionTracker()
    first = watch.assigned([0])
    again = watch.assigned([0])
    assert not again.kept
    assert not again.new
    assert watch.begin({0: 10}, first.run) == {0}
    assert watch.assigned([0]).kept == {0: 10}


def test_the_end_of_an_abandoned_load_is_not_the_end_of_the_next() -> None:
    watch = PartitionTracker()
    first = watch.assigned([0])
    watch.begin({0: 10}, first.run)
    watch.assigned([])
    second = watch.assigned([0])
    watch.begin({0: 20}, second.run)
    # An event has ended the ticket; a row of the snapshot that is on its way may be older.
    watch.events(0, [entry(5, NEVER)], following=21)
    assert watch.loaded([0], first.run) == set()
    watch.rows([entry(4, 60.0)])
    assert watch.due(61.0, 10) == []
    assert watch.loaded([0], second.run) == {0}


def test_whoever_sends_it_a_tick_is_the_same_command() -> None:
    one, other = (tick(entry(3, 60.0), MORNING) for _ in range(2))
    assert isinstance(one, Command)
    assert (one.id, one.ticket_id) == (other.id, UUID(bytes=ID))
    assert tick(entry(4, 60.0), MORNING).id != one.id


def test_a_clock_that_is_put_back_after_a_ticket_was_due_does_not_make_its_tick_come_to_nothing() -> None:
    at = MORNING.timestamp()
    assert tick(ScheduledTicket(at, 4, uuid4().bytes, 0), MORNING - timedelta(milliseconds=200)).at == MORNING
    assert tick(ScheduledTicket(at, 4, uuid4().bytes, 0), MORNING + timedelta(seconds=1)).at == MORNING + timedelta(
        seconds=1
    )
