"""Every value of a policy pack is listed with its source."""

import pytest

from duban.policy_values import cited_values
from tests.builders import PACK


@pytest.mark.requirement("R8.1")
def test_every_value_of_a_pack_can_be_printed_with_where_it_is_from() -> None:
    told = list(cited_values(PACK))
    assert all(value and source for _, value, source in told)
    written = "\n".join(f"{where}: {value} [{source}]" for where, value, source in told)
    assert "limits / clocks / promise / limits / general: when {tier: general}, value 24h [002-1 §2.4.1]" in written
    assert "DECISIONS 19" in written
