"""Each message of the day may pass its door, and each unit has the key of one system."""

from demo.contacts import plan_day
from demo.senders import HALLS, PORTAL, TAKING, WEBSITE, department_senders, sender_of_unit
from demo.setup import DAY_START
from tests.builders import PACK


def test_every_message_may_pass_its_door_with_its_key() -> None:
    channels = {message.body["channel"] for message in plan_day(150, 3, DAY_START) if message.door in {"http", "batch"}}
    assert channels <= set(WEBSITE.channels)
    assert channels | {*HALLS.channels, "hotline", "callback"} <= set(TAKING) == set(PORTAL.channels)


def test_each_unit_has_the_key_of_one_system() -> None:
    departments = [sender.name for sender in department_senders()]
    assert len(set(departments)) == len(departments)
    assert {sender_of_unit(unit) for unit in PACK.units} == {"call_centre", "headquarters", *departments}
    assert sender_of_unit(None) == PORTAL.name
