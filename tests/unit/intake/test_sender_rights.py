"""A key is made only for what is known and makes sense; the sentence says what there is, or what to do."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.intake.sender_rights import problems
from services.intake.senders import Sender
from tests.builders import PACKS

NOW = datetime(2026, 3, 12, 1, 0, tzinfo=UTC)
NATIVE = ("hotline", "store")
CRM = Sender("crm", ("carrier",), ("store",), ("commands",), units=("network",))


def found(sender: Sender, *, own_channels: bool = False) -> list[str]:
    return list(problems(sender, PACKS, NATIVE, NOW, own_channels=own_channels))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"packs": ("carrier", "*"), "units": ("*",), "channels": ("*",)},
        {"units": ("network", "billing"), "persons": ("王工",), "may": ("note", "feed_back"), "roles": ("callback",)},
        {"level": PACKS["carrier"].outcome.compensation.levels[0].level},  # type: ignore[union-attr]
        {"units": (), "roles": ("portal",), "channels": ("app", "web")},
        {"channels": ("opinion_book", "hq_hotline")},
    ],
)
def test_rights_that_make_sense_are_accepted(changes: dict[str, Any]) -> None:
    assert found(replace(CRM, **changes)) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "My Firm"}, "cannot be the name of a sender"),
        ({"packs": ("carier",)}, "there is no pack 'carier': choose one of bank, bus, call_centre, carrier"),
        ({"packs": ()}, "--pack"),
        ({"units": ("netwerk",)}, "there is no unit 'netwerk': choose one of hq_service, hq_centre"),
        ({"units": ("teller",)}, "there is no unit 'teller'"),
        ({"units": ()}, "name them with --unit"),
        ({"roles": ("callback", "boss")}, "there is no role 'boss': choose one of callback, portal"),
        ({"actions": ("commands", "write")}, "there is no action 'write': choose one of contacts, commands, read"),
        ({"actions": ()}, "--action"),
        ({"may": ("tick",)}, "there is no action to take (--may) 'tick': choose one of answer"),
        ({"level": "king"}, "there is no level 'king': choose one of"),
        ({"channels": ("stor",)}, "there is no channel 'stor': choose one of"),
        ({"actions": ("contacts",), "units": (), "channels": ()}, "--channel"),
        ({"actions": ("contacts",)}, "--unit and --person are about commands"),
        ({"actions": ("contacts",), "units": (), "persons": ("王工",)}, "--unit and --person are about commands"),
        ({"actions": ("contacts", "commands"), "packs": ("*",)}, "the first --pack"),
        ({"actions": ("read",), "units": ()}, "reads the tickets of its units"),
        ({"actions": ("read",), "units": (), "may": ("note",)}, "are about commands"),
        ({"roles": ("portal",), "channels": ("*",)}, "its own channels"),
        ({"expires_at": NOW}, "expired already"),
        ({"persons": ("王工", "")}, "cannot be the name of a person"),
        ({"persons": ("x" * 201,)}, "cannot be the name of a person"),
    ],
)
def test_what_is_unknown_or_makes_no_sense_is_refused(changes: dict[str, Any], sentence: str) -> None:
    assert any(sentence in problem for problem in found(replace(CRM, **changes))), found(replace(CRM, **changes))


def test_channels_of_one_s_own_are_allowed_when_that_is_written() -> None:
    sender = replace(CRM, channels=("our_kiosk",))
    assert "--own-channels" in found(sender)[0]
    assert found(sender, own_channels=True) == []
    assert found(replace(CRM, channels=("Our Kiosk",)), own_channels=True) != []
