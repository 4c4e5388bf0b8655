"""A key is created only for a known policy and action, and for names that contacts can have."""

import pytest

from duban.commands.sender import ACTIONS, check_code, check_known, note_own_channels
from services.shared.runtime.errors import DubanError


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    check_known("action", ["contacts", "read"], ACTIONS)
    with pytest.raises(DubanError, match="no policy 'carier': choose one of bank, carrier"):
        check_known("policy", ["carier"], ["bank", "carrier"])


@pytest.mark.parametrize("name", ["", "My Firm", "Ünal", "x" * 65])
def test_a_name_that_no_contact_can_carry_is_refused(name: str) -> None:
    check_code("hall-12")
    with pytest.raises(DubanError, match="cannot be a name"):
        check_code(name)


def test_a_channel_without_a_native_format_is_noted() -> None:
    assert note_own_channels(["*", "sms"], ["sms", "store"]) is None
    note = note_own_channels(["sms", "stor"], ["sms", "store"])
    assert note is not None
    assert note.startswith("note: stor: ")
    assert "sms, store" in note
