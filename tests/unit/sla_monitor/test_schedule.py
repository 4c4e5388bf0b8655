"""The schedule of deadlines: due tickets once, nearest first, in whatever order updates come."""

from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sla_monitor.domain.schedule import NEVER, REMEMBERED, Schedule, ScheduledTicket

NOON = 1_773_288_000.0
IDS = [uuid4().bytes for _ in range(5)]


def entry(number: int, version: int, minutes: int | None, partition: int = 0) -> ScheduledTicket:
    return ScheduledTicket(minute(minutes) if minutes is not None else NEVER, version, IDS[number], partition)


def loaded_schedule() -> Schedule:
    """Return a schedule of two partitions whose snapshots are complete."""
    schedule = Schedule()
    schedule.start_loading({0, 1})
    schedule.finish_loading({0, 1})
    return schedule


def minute(number: int) -> float:
    return NOON + 60 * number


def test_due_tickets_are_taken_once_nearest_first() -> None:
    schedule = loaded_schedule()
    for update in (entry(0, 1, 5), entry(1, 1, 3), entry(2, 1, 60), entry(3, 1, None)):
        schedule.update(update)
    later = minute(10)
    assert [each.ticket for each in schedule.take_due(later, 10)] == [IDS[1], IDS[0]]
    assert schedule.take_due(later, 10) == []
    assert schedule.next_due() == minute(60)


def test_an_older_version_changes_nothing() -> None:
    schedule = loaded_schedule()
    assert schedule.update(entry(0, 2, 60))
    assert not schedule.update(entry(0, 1, 5))
    assert schedule.take_due(minute(10), 10) == []


def test_an_unsent_ticket_is_due_again_unless_a_newer_version_is_known() -> None:
    schedule = loaded_schedule()
    schedule.update(entry(0, 1, 1))
    schedule.update(entry(1, 1, 1))
    due = schedule.take_due(minute(2), 10)
    schedule.update(entry(1, 2, 90))
    schedule.put_back(due)
    assert [each.ticket for each in schedule.take_due(minute(2), 10)] == [IDS[0]]


def test_a_dropped_partition_is_forgotten() -> None:
    schedule = loaded_schedule()
    schedule.update(entry(0, 1, 1, partition=0))
    schedule.update(entry(1, 1, 1, partition=1))
    schedule.drop({0})
    assert len(schedule) == 1
    assert [each.ticket for each in schedule.take_due(minute(2), 10)] == [IDS[1]]


def test_a_ticket_without_a_deadline_is_forgotten_once_the_snapshot_is_complete() -> None:
    schedule = loaded_schedule()
    schedule.start_loading({0})
    schedule.update(entry(0, 5, None))
    assert not schedule.update(entry(0, 4, 1)), "a row of the snapshot that is older than the event"
    schedule.finish_loading({0})
    assert len(schedule) == 0
    schedule.update(entry(1, 1, 5))
    schedule.update(entry(1, 2, None))
    assert (len(schedule), schedule.next_due()) == (0, NEVER)


def test_an_old_event_that_is_repeated_late_brings_no_deadline_back() -> None:
    schedule = loaded_schedule()
    schedule.update(entry(0, 1, 5))
    schedule.update(entry(0, 2, None))
    assert not schedule.update(entry(0, 1, 5))
    assert schedule.take_due(minute(10), 10) == []


def test_tickets_without_a_deadline_are_remembered_up_to_a_limit() -> None:
    schedule = loaded_schedule()
    schedule.update(entry(0, 2, None))
    for _ in range(REMEMBERED):
        schedule.update(ScheduledTicket(NEVER, 1, uuid4().bytes, 0))
    assert schedule.update(entry(0, 1, 5)), "its version is not known any more: at worst a tick too many"


UPDATES_AND_TIMES = st.lists(
    st.one_of(
        st.builds(entry, st.integers(0, 4), st.integers(1, 6), st.none() | st.integers(0, 50)),
        st.integers(0, 60),
    ),
    max_size=40,
)


@pytest.mark.requirement("R4.1")
@settings(max_examples=200, deadline=None)
@given(UPDATES_AND_TIMES)
def test_it_behaves_like_a_table_of_all_tickets(steps: list[ScheduledTicket | int]) -> None:
    """A model test: the table looks at every ticket each time."""
    schedule = loaded_schedule()
    schedule.start_loading({0})
    table: dict[bytes, tuple[int, float]] = {}
    for step in steps:
        if isinstance(step, ScheduledTicket):
            schedule.update(step)
            if step.ticket not in table or table[step.ticket][0] < step.version:
                table[step.ticket] = (step.version, step.at)
            continue
        now = minute(step)
        expected = sorted((at, id_) for id_, (_, at) in table.items() if at <= now)
        taken = schedule.take_due(now, 100)
        assert {(ticket.at, ticket.ticket) for ticket in taken} == set(expected)
        assert [ticket.at for ticket in taken] == [at for at, _ in expected]
        for _, id_ in expected:
            table[id_] = (table[id_][0], NEVER)


def test_a_ticket_that_changes_again_and_again_does_not_fill_the_heap() -> None:
    schedule = loaded_schedule()
    for version in range(1, 20_000):
        schedule.update(entry(0, version, version))
    assert schedule.size < 2_000
    assert [each.version for each in schedule.take_due(minute(30_000), 10)] == [19_999]


def test_a_ticket_of_an_unwatched_partition_is_ignored() -> None:
    schedule = loaded_schedule()
    assert not schedule.update(entry(0, 1, 1, partition=7))
    assert schedule.next_due() == NEVER


def test_a_ticket_whose_tick_is_being_sent_survives_the_end_of_the_snapshot() -> None:
    schedule = Schedule()
    schedule.start_loading({0})
    schedule.update(entry(0, 1, 1))
    due = schedule.take_due(minute(2), 10)
    schedule.finish_loading({0})
    schedule.put_back(due)
    assert schedule.take_due(minute(2), 10) == due


def test_only_tickets_with_a_deadline_to_come_are_counted() -> None:
    schedule = Schedule()
    schedule.start_loading({0})
    for update in (entry(0, 1, 1), entry(1, 1, 5), entry(2, 1, None), entry(0, 2, 3), entry(3, 1, 9)):
        schedule.update(update)
    assert len(schedule) == 3
    schedule.take_due(minute(4), 10)
    assert len(schedule) == 2
    schedule.finish_loading({0})
    schedule.update(entry(1, 2, None))
    assert len(schedule) == 1
