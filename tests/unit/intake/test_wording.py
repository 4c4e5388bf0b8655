"""A refusal speaks of the sender's fields, and says what to write."""

import json
from typing import Any

import pytest

from services.intake.channel_registry import channels
from services.intake.domain import submission
from services.intake.domain.envelope import Envelope
from services.intake.domain.fields import InvalidPayload
from tests.builders import MORNING

TABLES = channels()


def told(channel: str, body: dict[str, Any]) -> dict[str, tuple[str, str]]:
    envelope = Envelope("s", channel, "carrier", MORNING, "application/json", json.dumps(body).encode())
    with pytest.raises(InvalidPayload) as caught:
        TABLES[channel].parse(envelope)
    return {each.field: (each.reason, each.message) for each in caught.value.errors}


@pytest.mark.requirement("R2.5")
def test_fields_are_named_as_the_sender_names_them() -> None:
    form = {
        "submission_id": "n" * 300,
        "submitted_at": "2026-03-12T09:00:00+08:00",
        "content": "x" * 40_000,
        "name": "n" * 300,
        "phone": "13800000101",
        "attachments": [{"name": "a" * 300, "url": "https://files.example/1"}],
    }
    assert told("web_form", form) == {
        "submission_id": ("bad_schema", "write at most 200 characters"),
        "content": ("bad_schema", "write at most 32000 characters"),
        "name": ("bad_schema", "write at most 200 characters"),
        "attachments.0.name": ("bad_schema", "write at most 200 characters"),
    }


@pytest.mark.requirement("R2.5")
def test_a_label_is_named_by_the_field_that_held_it() -> None:
    event = {
        "event_id": "1",
        "accepted_at": 1773277000000,
        "customer": {"phone": "13800000101", "name": "n" * 300},
        "complaint_type": "c" * 300,
        "content": "慢",
    }
    assert told("store", event).keys() == {"customer.name", "complaint_type"}


@pytest.mark.requirement("R2.5")
def test_an_alert_s_field_is_named_in_its_group() -> None:
    alert = {"status": "firing", "startsAt": "2026-03-12T01:00:00Z", "fingerprint": "f", "labels": {"device_id": "d"}}
    group = {"version": "4", "alerts": [alert | {"annotations": {"description": "x" * 40_000}}]}
    assert told("device_monitor", group).keys() == {"alerts[0].annotations.description"}


def test_our_own_fields_keep_their_names_and_the_header_is_told_where_it_helps() -> None:
    def errors(key: str | None) -> dict[str, str]:
        body = {"customer": {"phone": "13800000101", "name": "n" * 300}, "currency": "yuan", "text": 7}
        envelope = Envelope("s", "web", "carrier", MORNING, "application/json", b"{}")
        with pytest.raises(InvalidPayload) as caught:
            submission.parse_contact(body, envelope, key)
        return {each.field: each.message for each in caught.value.errors}

    assert errors("") == {
        "message_id": "give the message its own id, or send an Idempotency-Key header",
        "customer.name": "write at most 200 characters; see /docs for the fields",
        "currency": "write a currency code of three capital letters, such as CNY; see /docs for the fields",
        "text": "write this as text; see /docs for the fields",
    }
    assert errors(None)["message_id"] == "give the message its own id"
    assert "message_id" not in errors("k1")
    assert (
        told("web_form", {"content": "慢", "phone": "13800000101"})["submission_id"][1] == "give the message its own id"
    )
