"""Tests of parsing single values: amounts, whole numbers, and the cleaning of texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.fields import (
    clean,
    is_rounded_id,
    parse_amount,
    parse_whole_number,
)
from tests.unit.intake.parsing import NOT_DIGITS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet=st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


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


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("120.5", "120.50"),
        (30, "30.00"),
        (0.1, "0.10"),
        ("", None),
        (None, None),
        (" 7 ", "7.00"),
        ("120元", "120.00"),
        ("￥120", "120.00"),
        ("￥1,200.50", "1200.50"),
        ("１２０元", "120.00"),
        ("约100", "100.00"),
        ("大约 100 元左右", "100.00"),
        ("共计300多元", "300.00"),
        ("3000块钱", "3000.00"),
        ("1.2万元", "12000.00"),
        ("CNY 88", "88.00"),
        ("-12", "-12.00"),
        ("无", None),
        ("不详", None),
    ],
)
def test_an_amount_is_read_as_people_write_it(written: object, amount: str | None) -> None:
    assert parse_amount(written) == amount


@pytest.mark.parametrize("written", ["much", "NaN", "1e40", True, [], {}, "Infinity", "1,20", "5元到10元", "1" * 30])
def test_a_value_that_is_no_amount_is_not_taken_for_one(written: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller says what is wrong
        parse_amount(written)


@pytest.mark.parametrize(
    ("written", "rounded"), [("2.02611E+13", True), ("2E+5", True), ("20261130001", False), ("A1E+3", False)]
)
def test_an_id_that_a_spreadsheet_has_rounded_is_known(written: str, rounded: bool) -> None:  # noqa: FBT001
    assert is_rounded_id(written) is rounded
