"""A sender above its rate limit is refused until it may continue."""

import httpx
import pytest

from tests.builders import eventually
from tests.system import System


@pytest.mark.requirement("R2.5")
def test_a_sender_above_its_rate_limit_gets_429_with_the_time_to_wait(system: System) -> None:
    key = system.duban("sender", "add", "slow", "--channel", "web", "--per-minute", "6").stdout.strip()
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{system.stack.intake_url}/v1/contacts"
    eventually(lambda: httpx.post(url, json=system.contact_body(), headers=headers).status_code == 202)
    response = httpx.post(url, json=system.contact_body(), headers=headers)
    assert response.status_code == 429
    assert 1 <= int(response.headers["retry-after"]) <= 10
    assert "6 messages a minute" in response.json()["detail"]
