"""Cases: which limit and which run of a ticket counts."""

from datetime import timedelta

import pytest

from schemas.action import Reopen
from schemas.ticket import ThresholdState
from services.domain.kpi.cases import build_case
from tests.builders import CENTRE, HOUR, PACK
from tests.unit.domain.kpi.scenarios import case_of, good, late


@pytest.mark.requirement("R6.1")
def test_a_limit_that_was_exceeded_counts_although_a_later_one_was_not() -> None:
    """DECISIONS 6: a case that was breached and then given a longer limit is late by the first."""
    scenario = late()
    ticket = scenario.current
    (promise,) = [each for each in ticket.clocks if each.name == "promise"]
    first = promise.replace(stopped_at=promise.due_at + HOUR)
    longer = promise.replace(limit=2, due_at=promise.due_at + 99 * HOUR, thresholds=())
    others = tuple(each for each in ticket.clocks if each.name != "promise")
    found = build_case(ticket.replace(clocks=(first, longer, *others)), [], PACK, scenario.now)
    assert found.delay == case_of(scenario).delay > timedelta(0)
    kept = first.replace(thresholds=tuple(each.replace(state=ThresholdState.SETTLED) for each in first.thresholds))
    extended = build_case(ticket.replace(clocks=(kept, longer, *others)), [], PACK, scenario.now)
    assert extended.delay == timedelta(0)


@pytest.mark.requirement("R6.1")
def test_a_reopening_does_not_undo_the_first_run() -> None:
    scenario = good()
    before = case_of(scenario)
    after = case_of(scenario.do(Reopen(reason="x"), unit=CENTRE))
    assert (before.on_time, before.settled) == (after.on_time, after.settled) == (True, True)
