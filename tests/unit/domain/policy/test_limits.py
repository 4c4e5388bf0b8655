"""The limits of the carrier's SLA timers fit together."""

from datetime import timedelta

import pytest

from services.domain.policy.limits import LimitRule
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
