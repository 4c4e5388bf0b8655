"""The limits of the carrier's SLA timers fit together."""

import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from deploy.tools.checkout import PROJECT
from services.domain.policy.clocks import ClockRule
from services.domain.policy.limit_tables import LimitRule
from services.domain.policy.limits import LimitPolicy
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


@pytest.mark.requirement("R4.1", "R8.1")
def test_an_assisting_unit_has_the_limits_of_the_holder_and_the_reason_why() -> None:
    handling, assistance = (PACK.limits.by_name[name].limits for name in ("handling", "assistance"))
    assert [row.model_copy(update={"from_": None, "ours": "x"}) for row in assistance] == [
        row.model_copy(update={"from_": None, "ours": "x"}) for row in handling
    ]
    assert {row.source for row in assistance} == {
        "ours: as the handling department's, for want of another (DECISIONS 1)"
    }


def limits_with(changes: Mapping[str, Mapping[str, Any]]) -> LimitPolicy:
    """Return the limits of the carrier with other keys in some clocks; a key whose value is None is left out."""
    content = tomllib.loads((PROJECT / "policies" / "carrier" / "limits.toml").read_text(encoding="utf-8"))
    clocks = [clock | changes.get(clock["name"], {}) for clock in content["clock"]]
    given = [{key: value for key, value in clock.items() if value is not None} for clock in clocks]
    return LimitPolicy.model_validate(content | {"clock": given})


@pytest.mark.requirement("R8.1")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"assistance": {"limits_of": {"value": "handlnig", "ours": "x"}}},
            "clock assistance, limits_of: there is no 'handlnig': did you mean 'handling'?",
        ),
        (
            {"answer": {"limits": None, "limits_of": {"value": "assistance", "ours": "x"}}},
            "clock answer, limits_of: assistance has no limits of its own but those of handling: name a clock that has",
        ),
        (
            {"handling": {"limits": None, "limits_of": {"value": "assistance", "ours": "x"}}},
            "assistance has no limits of its own but those of handling: name a clock that has",
        ),
        (
            {"handling": {"limits": None, "limits_of": {"value": "handling", "ours": "x"}}},
            "handling has no limits of its own but those of handling: name a clock that has",
        ),
        (
            {"handling": {"limits_of": {"value": "answer", "ours": "x"}}},
            "clock handling: give `limits`, or `limits_of` with the clock whose limits they are",
        ),
        (
            {"handling": {"limits": None}},
            "clock handling: give `limits`, or `limits_of` with the clock whose limits they are",
        ),
        ({"assistance": {"limits_of": {"value": "handling"}}}, "give exactly one of `from`"),
    ],
)
def test_limits_of_another_clock_need_a_table_of_that_clock_and_a_reason(
    changes: dict[str, dict[str, Any]], message: str
) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        limits_with(changes)
