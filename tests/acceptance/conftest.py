"""The fixture of the ticket lifecycle, which runs in the background because it takes a day of policy time."""

from functools import partial

import pytest

from tests.acceptance.lifecycle import BackgroundJob, play_lifecycle
from tests.system import System


@pytest.fixture(scope="session")
def lifecycle(system: System) -> BackgroundJob:
    """Start a ticket's whole lifecycle beside the other tests."""
    return BackgroundJob(partial(play_lifecycle, system))


@pytest.fixture(autouse=True)
def _start_lifecycle(request: pytest.FixtureRequest) -> None:
    """Start the lifecycle with the first test that uses the system."""
    if "system" in request.fixturenames:
        request.getfixturevalue("lifecycle")
