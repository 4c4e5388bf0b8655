"""Records of the channel topics become tickets, and an unknown channel is refused."""

import json
from typing import Any

import pytest

from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Outgoing
from tests.builders import eventually
from tests.system import System


def publish(system: System, topic: str, *values: bytes | None) -> None:
    """Publish values to a topic, in order."""
    publisher = Publisher(system.kafka, "tests")
    publisher.publish([Outgoing(topic, b"k", value, []) for value in values])
    publisher.close()


def store_event(system: System) -> dict[str, Any]:
    """Return an event of a business hall from a new customer."""
    name, phone = system.unique_ids()
    return {
        "event_id": f"STORE-{name}",
        "hall": {"code": "HNZZ0012"},
        "accepted_at": int(system.clock.now().timestamp() * 1000),
        "customer": {"phone": phone, "name": "孙某"},
        "business_type": "移动/4G",
        "complaint_type": "业务办理",
        "content": "跑了三趟没办成",
    }


@pytest.mark.requirement("R2.1", "R7.1")
def test_a_hall_s_event_and_a_hotline_form_become_tickets(system: System) -> None:
    event = store_event(system)
    name, phone = system.unique_ids()
    form: dict[str, Any] = {
        "form_no": f"HF{name}",
        "customer": {"ani": phone},
        "content": "宽带断网",
        "created_at": "2026-03-12T09:00:00+08:00",
    }
    publish(system, "channel.store", json.dumps(event).encode())
    publish(system, "channel.hotline", json.dumps(form).encode())
    assert eventually(lambda: system.ticket_of_message(event["event_id"]))
    assert eventually(lambda: system.ticket_of_message(form["form_no"]))


def test_an_unknown_channel_gets_404_with_the_known_ones(system: System) -> None:
    response = system.http.post("/v1/channels/pigeon", json={})
    assert response.status_code == 404
    assert "hotline, letter_fax" in response.json()["detail"]
