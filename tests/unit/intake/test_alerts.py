"""A group of alerts is each alert alone: what is kept of one does not grow with the others."""

import base64
import json
from typing import Any

import pytest

from schemas.contact import Contact
from schemas.non_ticket import NonTicket
from services.intake.channel_registry import channels
from services.intake.domain.envelope import MAX_CONTACT_BYTES, Envelope
from tests.builders import MORNING


def alert(number: int, status: str = "firing") -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"station": "G1", "device_id": f"d{number}"},
        "annotations": {"description": f"天线{number}离线"},
        "startsAt": "2026-03-12T01:00:00Z",
        "endsAt": "2026-03-12T01:30:00Z",
        "fingerprint": f"f{number}",
    }


def kept_of(alerts: list[dict[str, Any]], **group: Any) -> list[dict[str, Any]]:
    """Return the originals that are kept of a group, alert by alert."""
    body = json.dumps({"version": "4", "groupKey": "{}:{}", **group, "alerts": alerts}).encode()
    assert len(body) <= MAX_CONTACT_BYTES
    envelope = Envelope("monitor", "device_monitor", "carrier", MORNING, "application/json", body)
    found = []
    for each in channels()["device_monitor"].parse(envelope):
        assert isinstance(each.content, Contact | NonTicket)
        assert each.content.raw is not None
        assert each.content.raw.body is not None
        found.append(json.loads(base64.b64decode(each.content.raw.body)))
    return found


@pytest.mark.requirement("R2.5")
def test_the_original_of_an_alert_is_that_alert_with_what_its_group_says() -> None:
    two = [alert(1), alert(2, "resolved")]
    assert kept_of(two, receiver="duban") == [
        {"version": "4", "receiver": "duban", "groupKey": "{}:{}", "alerts": [each]} for each in two
    ]


def test_a_large_group_is_not_kept_once_for_each_of_its_alerts() -> None:
    found = kept_of(
        [alert(number) for number in range(500)], commonAnnotations={"note": "x" * 100_000}, receiver="r" * 9000
    )
    assert sum(len(json.dumps(each)) for each in found) < 4 * MAX_CONTACT_BYTES


def test_a_group_whose_names_hold_marks_is_heard() -> None:
    told = json.dumps({"version": "4", "groupKey": "g", "alerts\x00": [alert(1)]}).encode()
    (heard,) = channels()["device_monitor"].parse(
        Envelope("monitor", "device_monitor", "carrier", MORNING, "application/json", told)
    )
    assert isinstance(heard.content, Contact)
