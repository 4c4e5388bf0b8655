"""The units of the carrier form one hierarchy."""

import pytest

from tests.builders import PACK


@pytest.mark.requirement("R7.5")
def test_units_have_a_next_level_up_to_headquarters() -> None:
    for unit in PACK.units.values():
        seen = {unit.code}
        level = unit
        while level.parent is not None:
            level = PACK.units[level.parent]
            assert level.code not in seen
            seen.add(level.code)
        assert level.code == "hq_service"
