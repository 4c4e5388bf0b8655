"""Short forms of `make faults-monitor`: no deadline is missed, doubled or early while monitors fail."""

import random
from collections.abc import Iterator

import pytest

from tests.builders import eventually
from tests.faults.rig import Rig, rig
from tests.faults.scenarios import SCENARIOS, SHORT

SEED = 20261124


@pytest.fixture(scope="module")
def made() -> Iterator[Rig]:
    """Broker, database and ledger, without monitors."""
    with rig(session_timeout=6_000, sweep_after=SHORT.swept) as running:
        yield running


@pytest.mark.requirement("R4.1", "R4.9")
@pytest.mark.parametrize("name", SCENARIOS)
def test_no_deadline_is_missed_doubled_or_early(made: Rig, name: str) -> None:
    result = SCENARIOS[name](made, SHORT, random.Random(f"{SEED}/{name}"))
    assert result.proof, "the fault did not happen"
    assert (result.outcome.missing, result.outcome.doubled, result.outcome.early) == (0, 0, 0)
    assert len(result.outcome.late) == SHORT.due


@pytest.mark.requirement("R4.9")
def test_a_monitor_that_is_told_to_stop_leaves_its_group_and_the_others_take_over(made: Rig) -> None:
    for number in range(2):
        made.join(number)
    for number in range(2):
        made.loaded(number)
    stays, goes = made.workers[0], made.workers[1]
    before = stays.said("loaded")
    made.leave(1)
    assert goes.said("left") == 1, "the group waits for it until the session's end"
    eventually(lambda: stays.said("loaded") > before, within=60)
    made.all_leave()
