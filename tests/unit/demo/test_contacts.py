"""The planned day is the same for the same seed, uses every door, and its files can be read."""

import io
import json

from demo.contacts import hall_export, plan_day
from services.intake.domain.message_parts import CSV
from services.intake.domain.splitter import split
from tests.builders import MORNING


def test_the_same_seed_gives_the_same_day() -> None:
    assert plan_day(50, 1, MORNING) == plan_day(50, 1, MORNING)
    assert plan_day(50, 1, MORNING) != plan_day(50, 2, MORNING)


def test_every_door_is_used_and_messages_are_in_order_of_time() -> None:
    planned = plan_day(200, 1, MORNING)
    assert {message.door for message in planned} == {"http", "batch", "hotline", "store", "file"}
    assert [message.after for message in planned] == sorted(message.after for message in planned)


def test_a_hall_s_export_is_split_into_its_rows() -> None:
    rows = [message.body for message in plan_day(100, 1, MORNING) if message.door == "file"]
    parts = split(io.BytesIO(hall_export(rows)), CSV)
    assert parts is not None
    assert [json.loads(part.body) for part in parts if part.kept is None] == [
        {name: str(value).strip() for name, value in row.items()} for row in rows
    ]
