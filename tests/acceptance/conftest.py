"""What takes a day of the system's time begins with the first test that uses the system."""

from functools import partial

import pytest

from tests.acceptance.life import Meanwhile, whole_life
from tests.system import System


@pytest.fixture(scope="session")
def life(system: System) -> Meanwhile:
    """A complaint's whole life, which goes on beside the tests."""
    return Meanwhile(partial(whole_life, system))


@pytest.fixture(autouse=True)
def _life_begins(request: pytest.FixtureRequest) -> None:
    if "system" in request.fixturenames:
        request.getfixturevalue("life")
