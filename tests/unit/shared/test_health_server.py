"""The health pages."""

import httpx
import pytest
from prometheus_client import CollectorRegistry

from services.shared.observability.health_server import Health, HealthServer


@pytest.mark.requirement("R7.2")
def test_health_pages_name_the_components_that_are_not_ready() -> None:
    now = [0.0]
    health = Health(lambda: now[0])
    with HealthServer(health, "127.0.0.1", 0, CollectorRegistry()) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert httpx.get(f"{url}/readyz").status_code == 503
        health.mark_not_ready("kafka", "the broker is unavailable")
        health.mark_ready("start")
        assert httpx.get(f"{url}/readyz").text == "kafka: the broker is unavailable\n"
        health.mark_ready("kafka")
        assert httpx.get(f"{url}/readyz").status_code == 200
        assert httpx.get(f"{url}/livez").status_code == 200
        now[0] = 61.0
        assert httpx.get(f"{url}/livez").status_code == 503
        assert httpx.get(f"{url}/metrics").status_code == 200
        assert httpx.get(f"{url}/").status_code == 404
