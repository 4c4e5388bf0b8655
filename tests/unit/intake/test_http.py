"""Tests of the HTTP door's own routes: batches of contacts."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.intake.domain.envelope import MAX_CONTACT_BYTES
from services.intake.senders import Sender
from tests.unit.intake.http_door import HttpDoor, key

WEB = Sender("web", "carrier", ("web",), ("contacts",))


def web_contact(number: int, **fields: Any) -> dict[str, Any]:
    contact = {"message_id": f"m{number}", "channel": "web", "customer": {"phone": "13800000101"}, "text": "慢"}
    return contact | fields


@pytest.mark.requirement("R2.5", "R7.1")
def test_each_rejected_line_of_a_batch_has_a_reason_and_is_counted(tmp_path: Path) -> None:
    door = HttpDoor(tmp_path, WEB)
    lines = [
        web_contact(1),
        web_contact(2, channel="app"),
        web_contact(3, text="x" * MAX_CONTACT_BYTES),
        web_contact(4, message_id=None),
    ]
    body = "\n".join(json.dumps(line) for line in lines)
    response = door.post("/v1/contacts/batch", content=body, headers=key("web"))
    results = [json.loads(line) for line in response.text.splitlines()]
    assert [result["status"] for result in results] == [202, 403, 413, 400]
    assert [[error["reason"] for error in result.get("errors", [])] for result in results] == [
        [],
        ["not_allowed"],
        ["too_large"],
        ["missing_id"],
    ]
    assert all(error["detail"] for result in results for error in result.get("errors", []))
    assert [
        door.counter("messages_unusable", channel="contacts", reason=reason)
        for reason in ("not_allowed", "too_large", "missing_id")
    ] == [1, 1, 1]
    assert len(door.published) == 1
