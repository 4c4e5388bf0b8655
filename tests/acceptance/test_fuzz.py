"""A short form of `make fuzz` at the HTTP door, by its own OpenAPI document."""

import pytest

from tests.fuzz import http
from tests.system import System

pytestmark = pytest.mark.long


@pytest.mark.requirement("R2.5")
def test_responses_to_random_requests_match_the_openapi_document(system: System) -> None:
    assert http.run(system.stack.intake_url, system.key, 20261123, seconds=30) == 0
