"""A short run of `make fuzz`: whatever anybody does under any pack, the promises hold (DESIGN 9)."""

import pytest

from tests.builders import PACKS
from tests.fuzz.decisions import run

pytestmark = pytest.mark.fuzz


@pytest.mark.requirement("R8")
@pytest.mark.parametrize("name", sorted(PACKS))
def test_random_decisions(name: str) -> None:
    assert run(PACKS[name], 20261123, 600) > 5
