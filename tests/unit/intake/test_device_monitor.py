"""Tests of the adapter for Alertmanager: each alert of a group is an item of its own."""

import base64
import json
from typing import Any

import pytest

from schemas.contact import Contact
from schemas.non_ticket import NonTicket
from services.intake.domain.envelope import MAX_CONTACT_BYTES
from tests.unit.intake.parsing import messages, parse, parse_contact, to_json


def alert(number: int, status: str = "firing") -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"station": "G1", "device_id": f"d{number}"},
        "annotations": {"description": f"天线{number}离线"},
        "startsAt": "2026-03-12T01:00:00Z",
        "endsAt": "2026-03-12T01:30:00Z",
        "fingerprint": f"f{number}",
    }


def originals(alerts: list[dict[str, Any]], **group: Any) -> list[dict[str, Any]]:
    """Return the originals that are stored for a group, alert by alert."""
    body = json.dumps({"version": "4", "groupKey": "{}:{}", **group, "alerts": alerts}).encode()
    assert len(body) <= MAX_CONTACT_BYTES
    stored = []
    for item in parse("device_monitor", body):
        assert isinstance(item.content, Contact | NonTicket)
        assert item.content.raw is not None
        assert item.content.raw.body is not None
        stored.append(json.loads(base64.b64decode(item.content.raw.body)))
    return stored


@pytest.mark.requirement("R2.5")
def test_the_original_of_an_alert_is_that_alert_with_the_fields_of_its_group() -> None:
    two = [alert(1), alert(2, "resolved")]
    assert originals(two, receiver="duban") == [
        {"version": "4", "receiver": "duban", "groupKey": "{}:{}", "alerts": [each]} for each in two
    ]


def test_a_large_group_is_not_stored_once_for_each_of_its_alerts() -> None:
    stored = originals(
        [alert(number) for number in range(500)], commonAnnotations={"note": "x" * 100_000}, receiver="r" * 9000
    )
    assert sum(len(json.dumps(original)) for original in stored) < 4 * MAX_CONTACT_BYTES


def test_a_group_whose_field_names_hold_control_characters_is_parsed() -> None:
    group = {"version": "4", "groupKey": "g", "alerts\x00": [alert(1)]}
    assert parse_contact("device_monitor", json.dumps(group).encode()).text == "天线1离线"


@pytest.mark.requirement("R2.5")
def test_the_field_of_an_alert_is_named_with_its_place_in_the_group() -> None:
    group = {"version": "4", "alerts": [alert(1) | {"startsAt": "2026-02-30T00:00:00Z"}]}
    assert messages(lambda: parse("device_monitor", to_json(group))).keys() == {"alerts[0].startsAt"}
