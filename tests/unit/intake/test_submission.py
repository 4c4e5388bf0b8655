"""Tests of contacts in Duban's own JSON format."""

from typing import Any

import pytest
from hypothesis import given, settings

from schemas.contact import Contact
from services.intake.domain import submission
from services.intake.domain.fields import InvalidPayload
from tests.unit.intake.messages import SUBMISSION, damaged
from tests.unit.intake.parsing import envelope, messages, reasons, to_json


def parse(fields: dict[str, Any], key: str | None = None) -> Contact:
    return submission.parse_contact(fields, envelope("web", to_json(fields)), key)


@pytest.mark.requirement("R2.5")
def test_every_error_is_reported_at_once() -> None:
    invalid = {"message_id": "m1", "customer": {}, "occurred_at": "2026-02-30", "text": "x"}
    assert reasons(lambda: parse(invalid)) == {"occurred_at": "bad_date", "customer.phone": "missing_contact"}
    invalid = {"customer": {"phone": "13800000101"}, "colour": "red", "id": "x"}
    expected = {"message_id": "missing_id", "colour": "bad_schema", "id": "bad_schema"}
    assert reasons(lambda: parse(invalid)) == expected


@pytest.mark.requirement("R2.4")
def test_the_idempotency_key_stands_for_a_message_id() -> None:
    without_id = {name: value for name, value in SUBMISSION.items() if name != "message_id"}
    assert parse(without_id, "m1").id == parse(SUBMISSION).id
    for spoilt in (12345678901234567890, "2.02611E+13"):
        assert reasons(lambda: parse(SUBMISSION | {"message_id": spoilt})) == {"message_id": "bad_id"}  # noqa: B023


@pytest.mark.requirement("R2.5")
def test_an_incomplete_but_usable_contact_is_flagged() -> None:
    assert {"no_text", "incomplete"} <= set(parse(SUBMISSION | {"text": "  "}).flags)
    masked = parse(SUBMISSION | {"customer": {"phone": "138****0805", "email": "li@mail.example"}})
    assert masked.customer.phone is None
    assert {"phone_masked", "no_phone"} <= set(masked.flags)
    assert masked.details["phone_as_written"] == "138****0805"


@pytest.mark.requirement("R2.5")
def test_an_amount_that_cannot_be_read_does_not_refuse_the_complaint() -> None:
    contact = parse(SUBMISSION | {"amount_in_dispute": "5元到10元", "details": {"shop": "7"}})
    assert contact.amount_in_dispute is None
    assert contact.details == {"shop": "7", "amount_in_dispute_as_written": "5元到10元"}
    assert "value_unread" in contact.flags
    assert parse(SUBMISSION | {"amount_in_dispute": "￥1,200.50"}).amount_in_dispute == "1200.50"


@pytest.mark.requirement("R2.5")
def test_a_text_that_is_too_long_is_cut_and_flagged() -> None:
    contact = parse(SUBMISSION | {"text": "慢" * 32_001})
    assert len(contact.text) == 32_000
    assert "text_cut" in contact.flags


@pytest.mark.requirement("R2.5")
def test_an_error_names_our_field_and_says_what_to_write() -> None:
    invalid = {"customer": {"phone": "13800000101", "name": "n" * 300}, "currency": "yuan", "text": 7}
    assert messages(lambda: parse(invalid, "")) == {
        "message_id": "give the message its own id, or send an Idempotency-Key header",
        "customer.name": "write at most 200 characters; see /docs for the fields",
        "currency": "write a currency code of three capital letters, such as CNY; see /docs for the fields",
        "text": "write this as text; see /docs for the fields",
    }
    assert messages(lambda: parse(invalid, None))["message_id"] == "give the message its own id"
    assert "message_id" not in messages(lambda: parse(invalid, "k1"))


@settings(max_examples=300, deadline=None)
@given(message=damaged(SUBMISSION | {"labels": [], "evidence": [], "settlement": None}))
def test_every_submission_becomes_a_contact_or_is_rejected_with_a_reason(message: dict[str, Any]) -> None:
    try:
        contact = parse(message)
    except InvalidPayload as rejected:
        assert all(error.field and error.reason and error.message for error in rejected.errors)
    else:
        assert contact.customer.reachable
