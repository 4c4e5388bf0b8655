"""Every value of a policy pack is listed with its source."""

import pytest

from duban.policy_values import cited_values
from tests.builders import PACK


@pytest.mark.requirement("R8.1")
def test_every_value_of_a_pack_is_listed_with_its_source() -> None:
    cited = list(cited_values(PACK))
    assert all(value and source for _, value, source in cited)
    written = "\n".join(f"{where}: {value} [{source}]" for where, value, source in cited)
    assert (
        "limits / clocks / promise / limits / general: when {tier: general}, value 24h [002-1 §2.4.1: never" in written
    )
    assert "DECISIONS 19" in written
