"""A short run of what `make fuzz` does for long: damaged and hostile messages on every channel."""

import pytest

from tests.fuzz.parsers import play


@pytest.mark.requirement("R2.5")
def test_damaged_and_hostile_messages_are_heard_or_refused_with_a_reason() -> None:
    assert play(20261123, messages=1500) >= 1500
