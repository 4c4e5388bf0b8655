"""A short run of what `make sim` does at length: crashes, rebalances, repeated commands and wrong clocks."""

from collections import Counter

import pytest

from tests.sim.planted_bugs import PLANTED_BUGS, PlantedBug
from tests.sim.simulation import Simulation

pytestmark = pytest.mark.fuzz


@pytest.mark.requirement("R4.9", "R4.1")
def test_every_threshold_is_decided_once_whatever_happens() -> None:
    faults = Counter[str]()
    for seed in range(1, 201):
        faults.update(Simulation(seed).run().faults)
    assert min(faults.values()) > 0
    assert {
        "monitor killed",
        "rebalance",
        "two monitors at once",
        "lost a race",
        "clock jumped",
        "command sent twice",
    } <= faults.keys()


def test_the_same_seed_gives_the_same_simulation() -> None:
    one, other = (Simulation(7).run() for _ in range(2))
    assert one.commands == other.commands
    assert one.fired == other.fired


@pytest.mark.parametrize("plant", PLANTED_BUGS)
def test_a_planted_bug_is_found(plant: PlantedBug, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        _run_seeds(200)


def _run_seeds(count: int) -> None:
    for seed in range(1, count + 1):
        Simulation(seed).run()
