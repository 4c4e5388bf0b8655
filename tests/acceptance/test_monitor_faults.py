"""Short forms of `make faults-monitor`: no deadline is missed, doubled or early while monitors fail."""

import random
from collections.abc import Iterator

import pytest

from tests.builders import eventually
from tests.faults.rig import MonitorRig, running_rig
from tests.faults.scenarios import SCENARIOS, SHORT

pytestmark = pytest.mark.long

SEED = 20261124


@pytest.fixture(scope="module")
def rig() -> Iterator[MonitorRig]:
    """Run broker, database and ledger without monitors."""
    with running_rig(session_timeout=6_000, sweep_after=SHORT.sweep_after) as running:
        yield running


@pytest.mark.requirement("R4.1", "R4.9")
@pytest.mark.parametrize("name", SCENARIOS)
def test_no_deadline_is_missed_doubled_or_early(rig: MonitorRig, name: str) -> None:
    result = SCENARIOS[name](rig, SHORT, random.Random(f"{SEED}/{name}"))
    assert result.proof, "the fault did not occur"
    deadlines = result.deadlines
    assert (deadlines.missing, deadlines.doubled, deadlines.early) == (0, 0, 0)
    assert len(deadlines.lateness) == SHORT.due


@pytest.mark.requirement("R4.9")
def test_a_stopping_monitor_leaves_its_group_so_that_another_takes_over(rig: MonitorRig) -> None:
    for number in range(2):
        rig.start_monitor(number)
    for number in range(2):
        rig.wait_until_loaded(number)
    staying, stopping = rig.monitors[0], rig.monitors[1]
    loads = staying.count_logged("loaded")
    rig.stop_monitor(1)
    assert stopping.count_logged("left") == 1, "the group waits for the end of its session"
    eventually(lambda: staying.count_logged("loaded") > loads, within=60)
    rig.kill_all()
