"""The limits of the carrier's SLA timers fit together."""

import re
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from services.domain.policy.clocks import ClockRule
from services.domain.policy.limit_tables import LimitRule
from tests.builders import PACK


def longest(row: LimitRule) -> timedelta:
    limit = row.value or row.upper
    assert limit is not None
    return limit.length


@pytest.mark.requirement("R4.2", "R8.1")
def test_the_stages_of_the_carrier_fit_into_its_promise() -> None:
    """The stages' limits add up to no more than the promise (DECISIONS 1)."""
    limits = {rule.name: rule for rule in PACK.limits.clocks}
    stages = sum((longest(limits[name].limits[0]) for name in ("form", "review", "answer")), timedelta(0))
    for tier, promise in (("provincial", timedelta(hours=48)), ("national", timedelta(hours=72))):
        for row in limits["handling"].limits:
            if not row.when.tier or tier in row.when.tier:
                national = "national" in row.name
                if national == (tier == "national"):
                    assert stages + longest(row) <= promise, row.name


@pytest.mark.requirement("R4.1")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"after": []}, 'write after = ["assisting"]'),
        ({"while": {"status": ["handling", "fed_back"]}}, "only then"),
        ({"outer": True}, "neither `outer` nor `extendable`"),
        ({"extendable": True}, "neither `outer` nor `extendable`"),
        ({"each": None}, 'anchor = "request" needs each'),
    ],
)
def test_a_clock_of_each_assisting_unit_stands_beside_the_stage_of_the_holder(
    changes: dict[str, Any], message: str
) -> None:
    rule = PACK.limits.by_name["assistance"].model_dump(by_alias=True, exclude_none=True)
    assert ClockRule.model_validate(rule).runs_for == "assisting"
    with pytest.raises(ValidationError, match=re.escape(message)):
        ClockRule.model_validate(rule | changes)


@pytest.mark.requirement("R6.1")
def test_the_clock_of_an_assisting_unit_is_no_stage_of_the_flow() -> None:
    assert not PACK.limits.by_name["assistance"].is_stage
    assert PACK.limits.by_name["handling"].is_stage
