"""An agent that hangs, as against one that has nothing to do, one that works, and one that cannot work."""

import pytest

from services.hot_issues.domain.agent_progress import AgentProgress


def test_events_that_wait_while_none_is_handled_are_a_hang() -> None:
    """It showed nowhere: other loops sent the sign of life in the agent's place."""
    progress = AgentProgress(since=100.0)
    waited = [progress.observe(now, lag=7, handled=0, excused=False) for now in (105.0, 110.0, 115.0)]
    assert waited == [5.0, 10.0, 15.0]


@pytest.mark.parametrize(("lag", "step", "excused"), [(0, 0, False), (7, 1, False), (7, 0, True)])
def test_an_idle_agent_one_that_works_and_one_that_cannot_are_no_hang(lag: int, step: int, *, excused: bool) -> None:
    progress = AgentProgress(since=100.0)
    for number in range(1, 5):
        assert progress.observe(100.0 + 5 * number, lag=lag, handled=step * number, excused=excused) == 0.0
