"""Contacts and actions of a rehearsal are read as a door reads them, and refused in words with their field."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from duban.rehearsal_input import RehearsalError, build_action, build_contact, received_at

NINE = "2026-03-12T09:00:00+08:00"


def test_a_phone_number_is_read_as_at_the_door() -> None:
    contact = build_contact({"at": NINE, "customer": {"phone": "138 0000 0001"}, "text": "x"}, "carrier", 1)
    assert contact.customer.phone == "+8613800000001"


def test_a_contact_gets_the_flags_of_the_door() -> None:
    assert build_contact({"at": NINE}, "carrier", 1).flags == ("no_text", "incomplete")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"received_at": NINE, "contacted_at": "2026-03-12T08:00:00+08:00"}, datetime(2026, 3, 12, 1, tzinfo=UTC)),
        ({"contacted_at": NINE}, datetime(2026, 3, 12, 1, tzinfo=UTC)),
        ({"contacted_on": "2026-03-12"}, datetime(2026, 3, 11, 16, tzinfo=UTC)),
        ({}, None),
    ],
)
def test_the_time_of_contact_stands_for_that_of_receipt(fields: dict[str, Any], expected: datetime | None) -> None:
    assert received_at(fields, "Asia/Shanghai") == expected


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "received_at: this field is missing: write a time with its offset"),
        ({"at": "yesterday"}, "at: 'yesterday' is no time with an offset"),
        ({"at": NINE, "contacted_on": "x"}, "contacted_on"),
        ({"at": "9999-12-31T23:00:00-12:00"}, "is no plausible time: write one from 2000 to 2099"),
        ({"at": NINE, "kind": "Complaint!"}, "kind: write at most 64 lower-case letters, digits"),
        ({"at": NINE, "wanted_by": "2026-03-14"}, "wanted_by: write a time with its offset"),
        ({"at": NINE, "colour": "red", "text": 3}, "colour: there is no such field: leave it out"),
        ({"at": NINE, "channel": 3}, "channel: write the name of a channel"),
        ({"at": NINE, "customer": "Li"}, "customer: write a table"),
    ],
)
def test_a_contact_that_cannot_be_read_names_its_fields(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(RehearsalError, match=re.escape(message)):
        build_contact(fields, "carrier", 1)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("clsoe", "do.type: there is no action 'clsoe': did you mean 'close'?"),
        ({}, "do.type: there is no action None: choose one of"),
        (3, "do: write a table"),
        ({"type": "answer", "agreement": "yes"}, "do.agreement: choose one of agreed, agreed_wording, refused"),
        ({"type": "answer", "agreement": "yes"}, "do.explanation: this field is missing"),
        ({"type": "merge", "into": "x", "reason": "y"}, "do.into: "),
    ],
)
def test_an_action_that_cannot_be_read_names_its_fields(fields: object, message: str) -> None:
    with pytest.raises(RehearsalError, match=re.escape(message)):
        build_action(fields)


def test_an_action_without_fields_is_its_name() -> None:
    assert build_action("close").type == "close"
