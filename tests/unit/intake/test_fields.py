"""Tests of parsing single values: phone numbers, amounts, whole numbers, and the cleaning of texts."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.domain.fields import (
    MAX_TEXT_LENGTH,
    InputErrors,
    PhoneNumber,
    clean,
    find_phones,
    parse_amount,
    parse_phone,
    parse_whole_number,
)
from tests.unit.intake.parsing import NOT_DIGITS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet=st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.requirement("R2.3")
@pytest.mark.parametrize(
    ("written", "number", "extension"),
    [
        ("13800000101", "+8613800000101", None),
        ("+86 138-0000-0101", "+8613800000101", None),
        ("8613800000101", "+8613800000101", None),
        ("013800000101", "+8613800000101", None),
        ("１３８０００００１０１", "+8613800000101", None),
        ("\t13800000101", "+8613800000101", None),
        ("0571-55500603", "+8657155500603", None),
        ("(0571) 5550 0603", "+8657155500603", None),
        ("0571-55500603转802", "+8657155500603", "802"),
        ("0571-55500603-23", "+8657155500603", "23"),
        ("+1 202 555 0143", "+12025550143", None),
    ],
)
def test_a_phone_number_is_parsed_as_people_write_it(written: str, number: str, extension: str | None) -> None:
    assert parse_phone(written) == PhoneNumber(number, extension)


@pytest.mark.parametrize("written", ["", None, "138****0805", "1.38E+10", "未留", "12", "110110199003071234"])
def test_a_text_that_is_no_phone_number_is_none(written: str | None) -> None:
    assert parse_phone(written) is None


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_parsed_to_a_phone_number_in_e164_or_to_none(text: str) -> None:
    phone = parse_phone(text)
    assert phone is None or (phone.number.startswith("+") and phone.number[1:].isdigit())


def test_only_the_beginning_of_a_long_text_is_searched_for_phone_numbers() -> None:
    began = time.process_time()
    assert len(find_phones("13800000101 " * 200_000)) == 1
    assert time.process_time() - began < 2.0
    assert find_phones("x" * MAX_TEXT_LENGTH + " 13800000101") == []


@given(JSON)
def test_a_cleaned_value_can_be_stored(value: object) -> None:
    text = repr(clean(value))
    assert "\\x00" not in text
    assert "\\ud8" not in text


def test_control_characters_and_bidirectional_overrides_are_removed() -> None:
    assert clean("a\x9b31mb\x85c\td\ne\u202ef") == "a31mbc\td\nef"


@pytest.mark.parametrize("written", NOT_DIGITS)
def test_only_ascii_digits_are_a_whole_number(written: str) -> None:
    assert parse_whole_number(written) is None


@pytest.mark.parametrize(
    ("text", "digits", "number"), [("0042", 20, 42), ("", 20, None), ("9" * 21, 20, None), ("1234567", 6, None)]
)
def test_a_whole_number_has_at_least_one_digit_and_not_too_many(text: str, digits: int, number: int | None) -> None:
    assert parse_whole_number(text, digits) == number


@pytest.mark.parametrize(
    ("written", "amount"),
    [("120.5", "120.50"), (30, "30.00"), (0.1, "0.10"), ("", None), (None, None), (" 7 ", "7.00")],
)
def test_an_amount_is_rounded_to_the_cent(written: object, amount: str | None) -> None:
    errors = InputErrors()
    assert (parse_amount(written, "amount", errors), errors.found) == (amount, [])


@pytest.mark.parametrize("written", ["much", "NaN", "1e40", True, [], "Infinity"])
def test_a_value_that_is_no_amount_is_an_error(written: object) -> None:
    errors = InputErrors()
    assert parse_amount(written, "amount", errors) is None
    assert [error.field for error in errors.found] == ["amount"]
