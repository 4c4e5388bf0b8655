"""Tests of the checks that all channels share."""

import re
from typing import Any

import pytest

from schemas import json_schema
from schemas.contact import Contact
from services.intake.domain.contact_builder import PATTERN_ADVICE, build_contact
from services.intake.domain.fields import InputErrors
from tests.unit.intake.parsing import envelope, reasons


def build(**customer: Any) -> Contact:
    fields = {"customer": customer, "text": "宽带慢"}
    return build_contact(envelope("web", b"{}"), "m1", fields, InputErrors(), reach="customer.phone")


@pytest.mark.parametrize(
    "written", ["a@[", "li@[mail.example", "(a@x.com", "=?utf-8?q?=0a?=@x.com", "li at x.com", "a,b@x.com"]
)
def test_an_invalid_mail_address_is_removed_and_flagged(written: str) -> None:
    contact = build(phone="+8613800000101", email=written)
    assert contact.customer.email is None
    assert "email_invalid" in contact.flags


def test_a_valid_mail_address_is_stored_without_blanks() -> None:
    contact = build(phone="+8613800000101", email=" li@mail.example ")
    assert contact.customer.email == "li@mail.example"
    assert "email_invalid" not in contact.flags


def test_a_customer_with_only_an_invalid_mail_address_cannot_be_reached() -> None:
    assert reasons(lambda: build(email="a@[")) == {"customer.phone": "missing_contact"}


def test_every_pattern_of_a_contact_has_an_advice_in_words() -> None:
    _, schemas = json_schema.components([Contact], template="{name}")
    patterns = set(re.findall(r"'pattern': '(.*?)'", repr(schemas)))
    assert {pattern.replace("\\\\", "\\") for pattern in patterns} == PATTERN_ADVICE.keys()
