"""Tests of reading phone numbers as people write them."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.domain.fields import MAX_TEXT_LENGTH
from services.intake.domain.phones import PhoneNumber, find_phones, is_masked, parse_phone, parse_phones

MOBILE, OTHER, LANDLINE = "+8613900000001", "+8613900000002", "+8657155500603"


@pytest.mark.requirement("R2.3")
@pytest.mark.parametrize(
    ("written", "number", "extension"),
    [
        ("13900000001", MOBILE, None),
        ("+86 139-0000-0001", MOBILE, None),
        ("8613900000001", MOBILE, None),
        ("0086 139 0000 0001", MOBILE, None),
        ("(+86)13900000001", MOBILE, None),
        ("013900000001", MOBILE, None),
        ("+86 013900000001", MOBILE, None),
        ("１３９００００００１", None, None),
        ("１３９０００００００１", MOBILE, None),
        ("\t13900000001", MOBILE, None),
        ("139–0000–0001", MOBILE, None),
        ("139—0000—0001", MOBILE, None),
        ("139\u22120000\u22120001", MOBILE, None),
        ("139\u200b00000001\u200e", MOBILE, None),
        ("\ufeff13900000001", MOBILE, None),
        ("手机：13900000001", MOBILE, None),
        ("tel:+8613900000001", MOBILE, None),
        ("Tel. 139 0000 0001", MOBILE, None),
        ("13900000001（王先生）", MOBILE, None),
        ("13900000001 晚上打", MOBILE, None),
        ("王女士13900000001", MOBILE, None),
        ("0571-55500603", LANDLINE, None),
        ("86-0571-55500603", LANDLINE, None),
        ("(0571) 5550 0603", LANDLINE, None),
        ("0571－55500603", LANDLINE, None),
        ("0571-55500603转802", LANDLINE, "802"),
        ("0571-55500603 转 802", LANDLINE, "802"),
        ("0571-55500603分机802", LANDLINE, "802"),
        ("0571-55500603转分机802", LANDLINE, "802"),
        ("0571-55500603（802）", LANDLINE, "802"),
        ("0571-55500603 (分机: 802)", LANDLINE, "802"),
        ("0571-55500603 ext. 802", LANDLINE, "802"),
        ("0571-55500603 ext 802", LANDLINE, "802"),
        ("0571-55500603 x802", LANDLINE, "802"),
        ("0571-55500603#802", LANDLINE, "802"),
        ("0571-55500603-23", LANDLINE, "23"),
        ("0571-55500603 - 23", LANDLINE, "23"),
        ("單位電話 0571-55500603 轉 23", LANDLINE, "23"),
        ("400-555-0001", "+864005550001", None),
        ("+1 202 555 0143", "+12025550143", None),
        ("852 51234567", "+85251234567", None),
        ("886 912 345 678", "+886912345678", None),
    ],
)
def test_a_phone_number_is_read_as_people_write_it(written: str, number: str | None, extension: str | None) -> None:
    assert parse_phone(written) == (PhoneNumber(number, extension) if number else None)


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize(
    "written",
    [
        "13900000001/13900000002",
        "13900000001、13900000002",
        "13900000001，13900000002",
        "13900000001;13900000002",
        "13900000001 13900000002",
        "13900000001或13900000002",
        "13900000001 或者 13900000002",
        "13900000001 or 13900000002",
        "13900000001\n13900000002",
        "本人13900000001，爱人13900000002（晚上）",
        "13900000001/13900000002/13900000001",
        "138****0805/13900000001/13900000002",
    ],
)
def test_several_numbers_of_one_field_are_all_read_in_their_order(written: str) -> None:
    assert [phone.number for phone in parse_phones(written)] == [MOBILE, OTHER]


def test_a_list_keeps_the_extension_of_its_number() -> None:
    assert parse_phones("手机13900000001/单位0571-55500603转802") == [
        PhoneNumber(MOBILE),
        PhoneNumber(LANDLINE, "802"),
    ]


@pytest.mark.parametrize(
    "written",
    ["", None, "138****0805", "1.38E+10", "未留", "同来电", "12", "110110199003071234", "6222020200112233445", "0"],
)
def test_a_text_that_is_no_phone_number_is_none(written: str | None) -> None:
    assert parse_phones(written) == []


@pytest.mark.parametrize(
    ("written", "masked"),
    [("138****0805", True), ("138××××0805", True), ("1.38E+10", True), ("同来电", False), (None, False)],
)
def test_a_masked_number_is_distinguished_from_one_that_cannot_be_read(written: str | None, masked: bool) -> None:  # noqa: FBT001
    assert is_masked(written) is masked


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30) | st.text(alphabet="0123456789+-()转,/ x#*", max_size=30))
def test_any_text_is_read_as_phone_numbers_in_e164_or_as_none(text: str) -> None:
    for phone in parse_phones(text):
        assert phone.number.startswith("+")
        assert phone.number[1:].isdigit()
        assert phone.extension is None or 1 <= len(phone.extension) <= 6


@given(st.lists(st.sampled_from(["13900000001", "13900000002", "0571-55500603"]), min_size=1, max_size=3, unique=True))
def test_a_list_of_numbers_is_read_whatever_separates_them(numbers: list[str]) -> None:
    alone = [parse_phone(number) for number in numbers]
    for separator in ("/", "、", "，", "; ", " ", "或"):
        assert parse_phones(separator.join(numbers)) == alone


def test_only_the_beginning_of_a_long_text_is_searched_for_phone_numbers() -> None:
    began = time.process_time()
    assert len(find_phones("13900000001 " * 200_000)) == 1
    assert parse_phones("x" * 10_000_000) == []
    assert time.process_time() - began < 2.0
    assert find_phones("x" * MAX_TEXT_LENGTH + " 13900000001") == []


@pytest.mark.parametrize("text", ["卡号 6222021390000000112", "订单20261139000000010", "OBU 1390000000123456"])
def test_a_longer_run_of_digits_in_a_text_is_no_phone_number(text: str) -> None:
    assert find_phones(text) == []
