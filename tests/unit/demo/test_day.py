"""The day is invented, but always the same for the same seed, and its people act as the system allows."""

import io
import json
from collections import Counter

from demo.contacts import day, export
from demo.staff import HABITS, habit, react
from services.intake.domain.splitter import CSV, split
from tests.builders import MORNING, TicketScenario, contact


def test_the_same_seed_gives_the_same_day() -> None:
    assert day(50, 1, MORNING) == day(50, 1, MORNING)
    assert day(50, 1, MORNING) != day(50, 2, MORNING)


def test_every_door_is_used_and_the_messages_come_in_order() -> None:
    planned = day(200, 1, MORNING)
    assert {each.door for each in planned} == {"http", "batch", "hotline", "store", "file"}
    assert [each.after for each in planned] == sorted(each.after for each in planned)


def test_a_hall_s_export_reads_back() -> None:
    told = [each.body for each in day(100, 1, MORNING) if each.door == "file"]
    pieces = split(io.BytesIO(export(told)), CSV)
    assert pieces is not None
    assert [json.loads(each.body) for each in pieces] == [
        {name: str(value).strip() for name, value in row.items()} for row in told
    ]


def test_people_of_every_habit_are_there() -> None:
    told = Counter(habit(TicketScenario.opened(contact(f"m{n}")).events[0], 1) for n in range(400))
    assert set(told) == {name for name, _ in HABITS}


def test_an_event_seen_twice_leads_to_one_act() -> None:
    event = TicketScenario.opened().events[-1]
    assert [each.key for each in react(event, 1, MORNING)] == [each.key for each in react(event, 1, MORNING)] != []
