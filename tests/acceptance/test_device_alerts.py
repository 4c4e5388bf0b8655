"""Alerts of device monitoring open tickets and are noted on them when they are resolved."""

import pytest

from tests.builders import eventually
from tests.system import System


@pytest.mark.requirement("R2.1")
def test_a_resolved_alert_is_noted_on_its_ticket(system: System) -> None:
    name, _ = system.unique_ids()
    alert = {
        "labels": {"alertname": "RsuDown", "station": "G1", "lane": name, "device_id": name},
        "annotations": {"description": "ETC天线离线"},
        "startsAt": "2026-03-12T01:00:00Z",
        "endsAt": "2026-03-12T01:30:00Z",
        "fingerprint": name,
    }

    def send(status: str) -> int:
        body = {"version": "4", "alerts": [alert | {"status": status}]}
        return system.http.post("/v1/channels/device_monitor", json=body).status_code

    assert send("resolved") == 202
    assert send("firing") == 202
    number = eventually(lambda: system.ticket_of_message(f"{name}@2026-03-12T01:00:00Z"))
    assert number is not None
    noted = system.wait_for_event(number, "noted")
    assert noted.details is not None
    assert "2026-03-12" in str(noted.details)
