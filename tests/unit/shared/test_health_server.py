"""The health pages."""

import httpx
import pytest
from prometheus_client import CollectorRegistry

from services.shared.observability.health_server import STALLED_AFTER, Health, HealthServer


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
        now[0] = STALLED_AFTER + 1
        assert httpx.get(f"{url}/livez").text == "stalled: start\n"
        assert httpx.get(f"{url}/metrics").status_code == 200
        assert httpx.get(f"{url}/").status_code == 404


def test_a_member_without_partitions_is_ready_and_says_so() -> None:
    health = Health()
    health.report_assignment(set())
    assert health.ready
    assert health.report().startswith("ready\nmembership: no partitions")
    health.report_assignment({1})
    assert health.report() == "ready\n"


def test_a_door_stays_open_for_what_it_can_do_and_says_what_it_cannot() -> None:
    health = Health(essential=("start", "kafka"))
    health.mark_ready("start")
    health.mark_not_ready("database", "it does not answer")
    assert health.ready
    assert health.report() == "ready\ndatabase: it does not answer\n"
    health.mark_not_ready("kafka", "it does not answer")
    assert not health.ready


def test_a_loop_that_is_stuck_is_named_while_the_others_run() -> None:
    now = [0.0]
    health = Health(lambda: now[0])
    health.heartbeat("door")
    health.heartbeat("keys", beside=True)
    for _ in range(10):
        now[0] += 10
        health.heartbeat("door")
    assert health.stalled == ["keys"]
    assert not health.live


def test_a_side_thread_says_nothing_about_a_startup_that_is_stuck() -> None:
    now = [0.0]
    health = Health(lambda: now[0])
    now[0] = STALLED_AFTER
    health.heartbeat("ask_database", beside=True)
    assert health.stalled == ["start"]
