"""A short run of what `make fuzz` does for long: the HTTP door by its own OpenAPI document."""

import pytest

from tests.fuzz import http
from tests.system import System


@pytest.mark.requirement("R2.5")
def test_the_door_s_document_is_true_and_nothing_makes_it_fail(system: System) -> None:
    assert http.play(system.stack.intake_url, system.key, 20261123, seconds=30) == 0
