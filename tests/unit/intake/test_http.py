"""Tests of the HTTP door's own routes: batches of contacts."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.intake.domain.envelope import MAX_CONTACT_BYTES
from services.intake.senders import Sender
from services.shared.kafka.records import Outgoing
from services.shared.runtime.errors import ConfigurationError, Retryable
from tests.unit.intake.http_door import HttpDoor, key, reasons

WEB = Sender("web", ("carrier",), ("web",), ("contacts",))


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


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize("name", ["newer", "$unknown"])
def test_a_contact_with_a_field_that_there_is_not_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    """Doors refuse what a newer version would know; services keep it (DECISIONS 39)."""
    door = HttpDoor(tmp_path, WEB)
    for contact, field in (
        (web_contact(1, **{name: 1}), name),
        (web_contact(2, customer={"phone": "13800000101", name: {}}), f"customer.{name}"),
    ):
        response = door.post("/v1/contacts", json=contact, headers=key("web"))
        assert (response.status_code, [found for found, _ in reasons(response)]) == (400, [field])
    assert door.published == []


def too_large(record: Outgoing) -> str | None:
    return "too_large" if len(record.value or b"") > 1500 else None


@pytest.mark.requirement("R2.5")
def test_a_contact_that_the_broker_can_never_store_is_the_senders_to_change(tmp_path: Path) -> None:
    door = HttpDoor(tmp_path, WEB)
    door.broker.rejects = too_large
    response = door.post("/v1/contacts", json=web_contact(1, text="x" * 2000), headers=key("web"))
    assert (response.status_code, reasons(response)) == (413, [("body", "too_large")])
    detail = response.json()["detail"]
    assert "topic contacts takes less" in detail, "the broker's own limit may be lower than the list's"
    assert "shorten the text" in detail
    assert "retry-after" not in response.headers
    assert door.counter("messages_unusable", channel="contacts", reason="too_large") == 1


@pytest.mark.requirement("R2.5")
def test_a_contact_that_the_broker_refuses_for_another_reason_is_the_senders_too(tmp_path: Path) -> None:
    door = HttpDoor(tmp_path, WEB)
    door.broker.rejects = lambda _: "not_published"
    response = door.post("/v1/contacts", json=web_contact(1), headers=key("web"))
    assert (response.status_code, reasons(response)) == (400, [("body", "not_published")])


@pytest.mark.requirement("R2.5", "R7.1")
def test_lines_of_a_batch_that_the_broker_can_never_store_have_their_own_result(tmp_path: Path) -> None:
    door = HttpDoor(tmp_path, WEB)
    door.broker.rejects = too_large
    lines = [web_contact(1), web_contact(2, text="x" * 2000), {}, web_contact(3)]
    body = "\n".join(json.dumps(line) for line in lines)
    response = door.post("/v1/contacts/batch", content=body, headers=key("web"))
    results = [json.loads(line) for line in response.text.splitlines()]
    assert [(result["line"], result["status"]) for result in results] == [(1, 202), (2, 413), (3, 400), (4, 202)]
    assert results[1]["errors"][0]["reason"] == "too_large"
    assert len(door.published) == 2
    assert door.counter("contacts_accepted", channel="web", door="batch") == 2


@pytest.mark.requirement("R7.1")
@pytest.mark.parametrize(
    ("error", "sentence"),
    [(Retryable("gone"), "send the same again"), (ConfigurationError("no right to write"), "operator")],
)
def test_trouble_that_passes_is_no_fault_of_the_sender(tmp_path: Path, error: Exception, sentence: str) -> None:
    door = HttpDoor(tmp_path, WEB)
    door.broker.error = error
    response = door.post("/v1/contacts", json=web_contact(1), headers=key("web"))
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert sentence in response.json()["detail"]
    assert "right to write" not in response.text


def test_a_channel_that_nobody_knows_is_no_label(tmp_path: Path) -> None:
    """A key for every channel may write anything as the channel, also a name."""
    door = HttpDoor(tmp_path, Sender("all", ("carrier",), ("*", "kiosk"), ("contacts",)))
    for number, channel in enumerate(("zhangsan", "lisi", "web", "kiosk")):
        response = door.post("/v1/contacts", json=web_contact(number, channel=channel), headers=key("all"))
        assert response.status_code == 202
    counts = {name: door.counter("contacts_accepted", channel=name, door="http") for name in ("other", "web", "kiosk")}
    assert counts == {"other": 2, "web": 1, "kiosk": 1}
    assert door.counter("contacts_accepted", channel="zhangsan", door="http") == 0
