"""The heap of deadlines: who is due, once, nearest first, whatever order news comes in."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sla_monitor.domain.schedule import Entry, Schedule
from services.sla_monitor.domain.vigilance import Vigilance

NOON = datetime(2026, 3, 12, 4, 0, tzinfo=UTC)
IDS = [uuid4() for _ in range(5)]


def entry(number: int, version: int, minutes: int | None, partition: int = 0) -> Entry:
    at = NOON + timedelta(minutes=minutes) if minutes is not None else None
    return Entry(IDS[number], partition, version, at)


def test_what_is_due_is_taken_once_nearest_first() -> None:
    schedule = Schedule()
    for each in (entry(0, 1, 5), entry(1, 1, 3), entry(2, 1, 60), entry(3, 1, None)):
        schedule.learn(each)
    later = NOON + timedelta(minutes=10)
    assert [each.ticket_id for each in schedule.take_due(later, 10)] == [IDS[1], IDS[0]]
    assert schedule.take_due(later, 10) == []
    assert schedule.head() == NOON + timedelta(minutes=60)


def test_old_news_changes_nothing() -> None:
    schedule = Schedule()
    assert schedule.learn(entry(0, 2, 60))
    assert not schedule.learn(entry(0, 1, 5))
    assert schedule.take_due(NOON + timedelta(minutes=10), 10) == []


def test_what_could_not_be_sent_is_due_again_unless_something_newer_is_known() -> None:
    schedule = Schedule()
    schedule.learn(entry(0, 1, 1))
    schedule.learn(entry(1, 1, 1))
    due = schedule.take_due(NOON + timedelta(minutes=2), 10)
    schedule.learn(entry(1, 2, 90))
    schedule.put_back(due)
    assert [each.ticket_id for each in schedule.take_due(NOON + timedelta(minutes=2), 10)] == [IDS[0]]


def test_partitions_that_somebody_else_watches_are_forgotten() -> None:
    schedule = Schedule()
    schedule.learn(entry(0, 1, 1, partition=0))
    schedule.learn(entry(1, 1, 1, partition=1))
    schedule.drop({0})
    assert [each.ticket_id for each in schedule.take_due(NOON + timedelta(minutes=2), 10)] == [IDS[1]]
    assert len(schedule) == 1


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
def test_it_does_what_a_plain_table_would_do(news: list[Entry | int]) -> None:
    """Against a model that looks at every ticket each time."""
    schedule = Schedule()
    table: dict[UUID, tuple[int, datetime | None]] = {}
    for each in news:
        if isinstance(each, Entry):
            schedule.learn(each)
            if each.ticket_id not in table or table[each.ticket_id][0] < each.version:
                table[each.ticket_id] = (each.version, each.next_at)
            continue
        now = NOON + timedelta(minutes=each)
        expected = sorted((at, id_) for id_, (_, at) in table.items() if at is not None and at <= now)
        taken = schedule.take_due(now, 100)
        assert {(one.next_at, one.ticket_id) for one in taken} == set(expected)
        assert [one.next_at for one in taken] == [at for at, _ in expected]
        for _, id_ in expected:
            table[id_] = (table[id_][0], None)


@pytest.mark.parametrize(("wall", "jump"), [(101.0, 0.0), (101.9, 0.0), (161.0, 60.0), (41.0, -60.0)])
def test_a_jump_of_the_wall_clock_is_noticed(wall: float, jump: float) -> None:
    vigilance = Vigilance(100.0, 5.0)
    assert vigilance.look(wall, 6.0) == jump
    assert vigilance.look(wall + 1, 7.0) == 0.0
