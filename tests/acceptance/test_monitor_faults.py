"""Short forms of `make faults-monitor`: no deadline is missed, doubled or early, whatever happens to the monitors."""

import random
from collections.abc import Iterator

import pytest

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
