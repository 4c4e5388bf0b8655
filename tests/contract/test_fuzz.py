"""Half a minute of what `make fuzz` does for long: damaged and hostile messages on every channel."""

import pytest

from tests.fuzz import parsers

pytestmark = [pytest.mark.fuzz, pytest.mark.long]


@pytest.mark.requirement("R2.5")
def test_damaged_and_hostile_messages_are_parsed_or_rejected_with_a_reason() -> None:
    assert parsers.run(20261124, seconds=30) > 0
