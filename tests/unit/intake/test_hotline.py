"""Tests of the adapter for the operator's form of the hotline."""

import base64

import pytest

from tests.unit.intake.messages import HOTLINE_FORM
from tests.unit.intake.parsing import parse_contact, reasons, to_json


@pytest.mark.requirement("R2.1", "R2.3", "R2.2")
def test_a_form_becomes_a_contact_with_its_original() -> None:
    contact = parse_contact("hotline", HOTLINE_FORM)
    assert (contact.message_id, contact.agent, contact.customer.phone) == ("HF1", "8007", "+8613800000101")
    customer = contact.customer
    assert (customer.number, customer.level, customer.home_region) == ("C1", "gold", "河南")
    assert contact.labels == ("ETC/通行费", "账单争议")
    assert [(evidence.kind, evidence.reference) for evidence in contact.evidence] == [("recording", "1.wav")]
    assert contact.raw is not None
    assert base64.b64decode(contact.raw.body or "") == to_json(HOTLINE_FORM)


@pytest.mark.requirement("R2.2")
def test_a_form_of_a_complaint_settled_on_the_call_has_a_settlement() -> None:
    form = HOTLINE_FORM | {"settled_on_call": True, "answer": {"outcome": "已退费", "cause": "系统"}}
    settlement = parse_contact("hotline", form).settlement
    assert settlement is not None
    assert (settlement.outcome, settlement.explanation, settlement.cause) == ("已退费", "已退费", "系统")


def test_a_form_with_a_withheld_number_needs_another_way_to_reach_the_customer() -> None:
    form = HOTLINE_FORM | {"customer": {"ani": "anonymous", "customer_no": "C1"}}
    assert reasons(lambda: parse_contact("hotline", form)) == {"customer.contact_phone": "missing_contact"}
