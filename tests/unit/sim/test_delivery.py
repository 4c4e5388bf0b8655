"""The delivery loop under simulated faults: nothing is lost, and the last state of a ticket is its row (promise 3)."""

from pathlib import Path

import pytest

from schemas.ticket import Ticket
from services.shared.runtime import package_data
from tests.sim.delivery import DeliveryRun
from tests.sim.delivery_bugs import PLANTED_BUGS, PlantedBug
from tests.sim.delivery_world import Faults

pytestmark = pytest.mark.fuzz

EXAMPLE: Path = package_data.folder("schemas") / "examples" / "tickets.state" / "ticket.json"
EVERYTHING = Faults(outage=0.01, rebalance=0.02, freeze=0.004, kill=0.004, late=0.1, stuck=0.1)
FROZEN = Faults(freeze=0.01, gone_for_good=True)
SEEDS = 15


@pytest.fixture(scope="module")
def ticket() -> Ticket:
    return Ticket.from_record(EXAMPLE.read_bytes())


def run(seed: int, ticket: Ticket, faults: Faults = EVERYTHING) -> tuple[list[str], set[str]]:
    with pytest.MonkeyPatch.context() as patch:
        delivery = DeliveryRun(seed, ticket, faults)
        return delivery.run(patch), delivery.world.happened


def test_no_command_is_lost_and_the_last_state_is_the_row(ticket: Ticket) -> None:
    happened: set[str] = set()
    for seed in range(1, SEEDS + 1):
        problems, faults = run(seed, ticket)
        assert problems == [], f"seed {seed}"
        happened |= faults
    assert happened == {"outage", "rebalance", "freeze", "kill", "late", "stuck"}


def test_a_member_that_was_frozen_leaves_no_old_state_behind(ticket: Ticket) -> None:
    """Nobody else mends it: the partitions stay with the other member."""
    for seed in range(1, SEEDS + 1):
        assert run(seed, ticket, FROZEN)[0] == [], f"seed {seed}"


@pytest.mark.parametrize("plant", PLANTED_BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_found(plant: PlantedBug, ticket: Ticket, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    assert any(run(seed, ticket, faults)[0] for seed in range(1, SEEDS + 1) for faults in (EVERYTHING, FROZEN))
