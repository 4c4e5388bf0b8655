"""A short run of what `make sim` does for long: crashes, rebalances, repeats and wrong clocks."""

from collections import Counter

import pytest

from tests.sim.history import History
from tests.sim.planted import PLANTED, Plant


@pytest.mark.requirement("R4.9", "R4.1")
def test_every_threshold_is_decided_once_whatever_happens() -> None:
    faults = Counter[str]()
    for seed in range(1, 201):
        faults.update(History(seed).run().faults)
    assert min(faults.values()) > 0
    assert {
        "monitor killed",
        "rebalance",
        "two monitors at once",
        "lost a race",
        "clock jumped",
        "command sent twice",
    } <= faults.keys()


def test_the_same_seed_is_the_same_history() -> None:
    one, other = (History(7).run() for _ in range(2))
    assert one.commands == other.commands
    assert one.fired == other.fired


@pytest.mark.parametrize("plant", PLANTED)
def test_a_planted_mistake_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        _play(200)


def _play(seeds: int) -> None:
    for seed in range(1, seeds + 1):
        History(seed).run()
