"""There is one list of channel names, for doors, topics, packs and days."""

import tomllib

from deploy.tools.checkout import PROJECT
from services.domain.channels import CHANNELS, NATIVE, OWN_FORMAT
from services.domain.classify import classify
from services.intake.channel_registry import channels
from tests.builders import PACKS, contact

WRITTEN = ("letter", "letter_fax", "fax", "mail", "email", "web", "web_form", "opinion_book")


def test_every_native_channel_has_a_mapping_and_every_mapping_is_a_channel() -> None:
    assert channels().keys() == NATIVE.keys()
    assert not NATIVE.keys() & OWN_FORMAT.keys()


def test_every_topic_of_a_channel_is_one() -> None:
    topics = tomllib.loads((PROJECT / "schemas" / "topics.toml").read_text(encoding="utf-8"))
    named = {name.removeprefix("channel.") for name in topics if name.startswith("channel.")}
    assert named
    assert named <= NATIVE.keys()


def test_a_written_complaint_to_the_bus_company_is_graded_written_by_every_door() -> None:
    """The doors send letter_fax, email and web_form, which the pack's rules did not name (002-2)."""
    for channel in CHANNELS:
        tier = classify(contact(channel=channel, policy="bus", text="车厢脏"), PACKS["bus"]).tier
        assert tier == ("written" if channel in WRITTEN else "verbal"), channel
