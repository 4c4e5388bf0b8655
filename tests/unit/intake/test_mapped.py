"""Tests of channels that are parsed by their mapping alone."""

import pytest

from tests.unit.intake.messages import HALL_EVENT, HALL_ROW
from tests.unit.intake.parsing import messages, parse_contact, reasons


@pytest.mark.requirement("R2.1", "R2.3")
def test_the_event_of_a_business_hall_and_a_row_of_its_export_become_contacts() -> None:
    event = parse_contact("store", HALL_EVENT)
    assert (event.message_id, event.site, event.customer.phone) == ("STORE-1", "HNZZ0012", "+8613800000601")
    evidence = {(evidence.kind, evidence.reference) for evidence in event.evidence}
    assert evidence == {("scan", "obj://1"), ("paper_form", "BD1")}
    row = parse_contact("store", HALL_ROW)
    assert (row.message_id, row.customer.phone, row.customer.level) == ("SD1", "+8613800000604", "gold")
    assert row.text == "没有按承诺"


@pytest.mark.requirement("R2.5")
def test_an_error_names_the_field_as_the_sender_does() -> None:
    form = {
        "submission_id": "n" * 300,
        "submitted_at": "2026-03-12T09:00:00+08:00",
        "content": ["x"],
        "name": "n" * 300,
        "phone": "13800000101",
        "attachments": [{"name": "a" * 300, "url": "https://files.example/1"}],
    }
    assert messages(lambda: parse_contact("web_form", form)) == {
        "submission_id": "write at most 200 characters",
        "content": "write this as text",
        "name": "write at most 200 characters",
    }
    assert set(reasons(lambda: parse_contact("web_form", form)).values()) == {"bad_schema"}


@pytest.mark.requirement("R2.5")
def test_an_error_in_a_label_names_the_field_that_held_it() -> None:
    event = {
        "event_id": "1",
        "accepted_at": 1773277000000,
        "customer": {"phone": "13800000101", "name": "n" * 300},
        "complaint_type": "c" * 300,
        "content": "慢",
    }
    assert reasons(lambda: parse_contact("store", event)).keys() == {"customer.name", "complaint_type"}


def test_a_missing_message_id_is_reported_without_the_idempotency_key() -> None:
    found = messages(lambda: parse_contact("web_form", {"content": "慢", "phone": "13800000101"}))
    assert found["submission_id"] == "give the message its own id"
