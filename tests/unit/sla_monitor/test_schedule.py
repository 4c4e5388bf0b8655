"""The heap of deadlines: who is due, once, nearest first, whatever order news comes in."""

from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sla_monitor.domain.schedule import NEVER, Schedule, ScheduledTicket

NOON = 1_773_288_000.0
IDS = [uuid4().bytes for _ in range(5)]


def entry(number: int, version: int, minutes: int | None, partition: int = 0) -> ScheduledTicket:
    return ScheduledTicket(minute(minutes) if minutes is not None else NEVER, version, IDS[number], partition)


def watching() -> Schedule:
    """Return a schedule of two partitions whose snapshots are over."""
    schedule = Schedule()
    schedule.begin({0, 1})
    schedule.loaded({0, 1})
    return schedule


def minute(number: int) -> float:
    return NOON + 60 * number


def test_what_is_due_is_taken_once_nearest_first() -> None:
    schedule = watching()
    for each in (entry(0, 1, 5), entry(1, 1, 3), entry(2, 1, 60), entry(3, 1, None)):
        schedule.learn(each)
    later = minute(10)
    assert [each.ticket for each in schedule.take_due(later, 10)] == [IDS[1], IDS[0]]
    assert schedule.take_due(later, 10) == []
    assert schedule.head() == minute(60)


def test_old_news_changes_nothing() -> None:
    schedule = watching()
    assert schedule.learn(entry(0, 2, 60))
    assert not schedule.learn(entry(0, 1, 5))
    assert schedule.take_due(minute(10), 10) == []


def test_what_could_not_be_sent_is_due_again_unless_something_newer_is_known() -> None:
    schedule = watching()
    schedule.learn(entry(0, 1, 1))
    schedule.learn(entry(1, 1, 1))
    due = schedule.take_due(minute(2), 10)
    schedule.learn(entry(1, 2, 90))
    schedule.put_back(due)
    assert [each.ticket for each in schedule.take_due(minute(2), 10)] == [IDS[0]]


def test_partitions_that_somebody_else_watches_are_forgotten() -> None:
    schedule = watching()
    schedule.learn(entry(0, 1, 1, partition=0))
    schedule.learn(entry(1, 1, 1, partition=1))
    schedule.drop({0})
    assert len(schedule) == 1
    assert [each.ticket for each in schedule.take_due(minute(2), 10)] == [IDS[1]]


def test_a_ticket_that_needs_no_look_is_forgotten_once_nothing_old_can_come() -> None:
    schedule = watching()
    schedule.begin({0})
    schedule.learn(entry(0, 5, None))
    assert not schedule.learn(entry(0, 4, 1)), "a row of the snapshot that is older than the event"
    schedule.loaded({0})
    assert len(schedule) == 0
    schedule.learn(entry(1, 1, 5))
    schedule.learn(entry(1, 2, None))
    assert (len(schedule), schedule.head()) == (0, NEVER)


NEWS = st.lists(
    st.one_of(
        st.builds(entry, st.integers(0, 4), st.integers(1, 6), st.none() | st.integers(0, 50)),
        st.integers(0, 60),
    ),
    max_size=40,
)


@pytest.mark.requirement("R4.1")
@settings(max_examples=200, deadline=None)
@given(NEWS)
def test_it_does_what_a_plain_table_would_do(news: list[ScheduledTicket | int]) -> None:
    """Against a model that looks at every ticket each time."""
    schedule = watching()
    schedule.begin({0})
    table: dict[bytes, tuple[int, float]] = {}
    for each in news:
        if isinstance(each, ScheduledTicket):
            schedule.learn(each)
            if each.ticket not in table or table[each.ticket][0] < each.version:
                table[each.ticket] = (each.version, each.at)
            continue
        now = minute(each)
        expected = sorted((at, id_) for id_, (_, at) in table.items() if at <= now)
        taken = schedule.take_due(now, 100)
        assert {(one.at, one.ticket) for one in taken} == set(expected)
        assert [one.at for one in taken] == [at for at, _ in expected]
        for _, id_ in expected:
            table[id_] = (table[id_][0], NEVER)


def test_what_changes_again_and_again_does_not_fill_the_heap() -> None:
    schedule = watching()
    for version in range(1, 20_000):
        schedule.learn(entry(0, version, version))
    assert schedule.size < 2_000
    assert [each.version for each in schedule.take_due(minute(30_000), 10)] == [19_999]


def test_what_nobody_watches_is_not_learnt() -> None:
    schedule = watching()
    assert not schedule.learn(entry(0, 1, 1, partition=7))
    assert schedule.head() == NEVER


def test_a_tick_on_its_way_outlives_the_end_of_a_snapshot() -> None:
    schedule = Schedule()
    schedule.begin({0})
    schedule.learn(entry(0, 1, 1))
    due = schedule.take_due(minute(2), 10)
    schedule.loaded({0})
    schedule.put_back(due)
    assert schedule.take_due(minute(2), 10) == due


def test_what_is_open_is_counted_without_what_has_fired_or_ended() -> None:
    schedule = Schedule()
    schedule.begin({0})
    for each in (entry(0, 1, 1), entry(1, 1, 5), entry(2, 1, None), entry(0, 2, 3), entry(3, 1, 9)):
        schedule.learn(each)
    assert len(schedule) == 3
    schedule.take_due(minute(4), 10)
    assert len(schedule) == 2
    schedule.loaded({0})
    schedule.learn(entry(1, 2, None))
    assert len(schedule) == 1
