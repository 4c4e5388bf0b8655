"""A key is made only for what there is."""

import pytest

from duban.commands.sender import ACTIONS, chosen, usable, without_a_door
from services.shared.runtime.errors import DubanError


def test_what_is_not_there_is_told_with_what_is() -> None:
    chosen("action", ["contacts", "read"], ACTIONS)
    with pytest.raises(DubanError, match="no policy 'carier': choose of bank, carrier"):
        chosen("policy", ["carier"], ["bank", "carrier"])


@pytest.mark.parametrize("name", ["", "My Firm", "Ünal", "x" * 65])
def test_a_name_that_no_contact_can_carry_is_refused(name: str) -> None:
    usable("hall-12")
    with pytest.raises(DubanError, match="cannot be a name"):
        usable(name)


def test_a_channel_without_a_door_is_noted() -> None:
    assert without_a_door(["*", "sms"], ["sms", "store"]) is None
    note = without_a_door(["sms", "stor"], ["sms", "store"])
    assert note is not None
    assert note.startswith("note: stor: ")
    assert "sms, store" in note
