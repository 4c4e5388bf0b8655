"""Assignments and snapshots: which partitions a monitor keeps, loads and forgets."""

from datetime import timedelta
from uuid import UUID, uuid4

from schemas.command import Command
from services.domain.sla.thresholds import PAST
from services.sla_monitor.domain.partition_tracker import PartitionTracker, tick
from services.sla_monitor.domain.schedule import NEVER, ScheduledTicket
from tests.builders import MORNING

ID = uuid4().bytes


def entry(version: int, at: float, partition: int = 0) -> ScheduledTicket:
    return ScheduledTicket(at, version, ID, partition)


def loaded_tracker(*partitions: int, end: int = 10) -> PartitionTracker:
    tracker = PartitionTracker()
    change = tracker.assign(partitions)
    tracker.start_loading(dict.fromkeys(change.added, end), change.generation)
    tracker.finish_loading(change.added, change.generation)
    return tracker


def test_a_partition_that_is_assigned_again_is_read_on_where_it_stopped() -> None:
    tracker = loaded_tracker(0, 1)
    tracker.apply_events(0, [entry(1, 60.0)], next_offset=11)
    change = tracker.assign([0, 2])
    assert change.kept == {0: 11}
    assert (change.added, change.removed) == (frozenset({2}), frozenset({1}))
    assert [each.ticket for each in tracker.take_due(61.0, 10)] == [ID]


def test_a_partition_that_another_monitor_gets_is_forgotten() -> None:
    tracker = loaded_tracker(0)
    tracker.apply_events(0, [entry(1, 60.0)], next_offset=11)
    tracker.assign([])
    assert tracker.take_due(61.0, 10) == []
    tracker.apply_events(0, [entry(2, 60.0)], next_offset=12)
    assert tracker.take_due(61.0, 10) == []


def test_a_partition_whose_end_is_still_unknown_is_neither_kept_nor_added_again() -> None:
    tracker = PartitionTracker()
    first = tracker.assign([0])
    again = tracker.assign([0])
    assert not again.kept
    assert not again.added
    assert tracker.start_loading({0: 10}, first.generation) == {0}
    assert tracker.assign([0]).kept == {0: 10}


def test_the_end_of_an_abandoned_load_does_not_complete_the_next_one() -> None:
    tracker = PartitionTracker()
    first = tracker.assign([0])
    tracker.start_loading({0: 10}, first.generation)
    tracker.assign([])
    second = tracker.assign([0])
    tracker.start_loading({0: 20}, second.generation)
    # An event has ended the ticket; a row of the snapshot that is being loaded may be older.
    tracker.apply_events(0, [entry(5, NEVER)], next_offset=21)
    assert tracker.finish_loading([0], first.generation) == set()
    tracker.apply_snapshot([entry(4, 60.0)], second.generation)
    assert tracker.take_due(61.0, 10) == []
    assert tracker.finish_loading([0], second.generation) == {0}


def test_a_row_of_an_abandoned_load_brings_no_deadline_back() -> None:
    """Ended meanwhile, the ticket is neither in the snapshot nor in the events of the assignment that counts."""
    tracker = PartitionTracker()
    first = tracker.assign([0])
    tracker.start_loading({0: 10}, first.generation)
    tracker.assign([])
    second = tracker.assign([0])
    tracker.start_loading({0: 20}, second.generation)
    tracker.finish_loading([0], second.generation)
    assert tracker.apply_snapshot([entry(4, 60.0)], first.generation) == 0
    assert tracker.take_due(61.0, 10) == []


def test_two_monitors_send_the_same_tick() -> None:
    one, other = (tick(entry(3, 60.0), MORNING) for _ in range(2))
    assert isinstance(one, Command)
    assert (one.id, one.ticket_id) == (other.id, UUID(bytes=ID))
    assert tick(entry(4, 60.0), MORNING).id != one.id


def test_a_tick_is_never_earlier_than_its_deadline_although_the_clock_was_set_back() -> None:
    at = MORNING.timestamp()
    assert tick(ScheduledTicket(at, 4, uuid4().bytes, 0), MORNING - timedelta(milliseconds=200)).at == MORNING + PAST
    assert tick(ScheduledTicket(at, 4, uuid4().bytes, 0), MORNING + timedelta(seconds=1)).at == MORNING + timedelta(
        seconds=1
    )


def test_a_partition_of_whose_events_some_are_gone_is_loaded_anew() -> None:
    tracker = PartitionTracker()
    change = tracker.assign({0, 1})
    tracker.start_loading({0: 10}, change.generation)
    again = tracker.reload({0, 1, 7})
    # The end of partition 1 is not known yet, so its deadlines are being loaded already.
    assert (again.added, again.removed) == (frozenset({0}), frozenset())
    assert tracker.next_offset(0) is None
    assert tracker.reload({0}).added == frozenset()
