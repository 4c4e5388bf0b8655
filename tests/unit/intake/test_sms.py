"""Tests of the adapter for text messages."""

import pytest

from services.intake.domain.envelope import ChannelConfig
from tests.unit.intake.parsing import FORM, NOT_DIGITS, parse_contact


def test_the_country_of_phone_numbers_may_be_set_in_lower_case() -> None:
    config = ChannelConfig().with_settings({"default_region": "cn"})
    contact = parse_contact("sms", b"MessageSid=SM1&From=057155500603&Body=x", FORM, config)
    assert contact.customer.phone == "+8657155500603"


@pytest.mark.parametrize("digit", NOT_DIGITS)
def test_a_number_of_pictures_in_digits_other_than_ascii_is_not_read(digit: str) -> None:
    body = f"MessageSid=SM1&From=%2B8613800000101&Body=x&NumMedia={digit}&MediaUrl0=x&MediaUrl1=y".encode()
    assert parse_contact("sms", body, FORM).evidence == ()
