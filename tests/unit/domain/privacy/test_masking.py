"""Tests of the masks: whatever surrounds a person's data, no more of it stays visible than the module promises."""

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.privacy.masking import HIDDEN, mask_document, mask_email, mask_name, mask_text, mask_token
from tests.builders import TicketScenario, contact

pytestmark = pytest.mark.requirement("R5.6")

PHONES = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True) | st.from_regex(r"0[1-9][0-9]{9}", fullmatch=True)
IDENTITY_NUMBERS = st.from_regex(r"[1-8][0-9]{5}(19|20)[0-9]{2}(0[1-9]|1[0-2])[0-2][0-9]{4}[0-9X]", fullmatch=True)
CARDS = st.from_regex(r"6[0-9]{15,18}", fullmatch=True)
COUNTING = "零〇一二三四五六七八九幺壹贰叁肆伍陆柒捌玖元块万亿"
WORDS = st.text(st.characters(exclude_categories=["Nd", "No", "Nl", "Cs"], exclude_characters=COUNTING), max_size=40)
SIGNS = st.sampled_from(["", " ", "-", " - ", ".", "\u3000", "\u200b", "\n", "–", "·", "/", ",", "*", ")", "）("])
CHINESE = str.maketrans("0123456789", "零一二三四五六七八九")


def digits_of(text: str) -> str:
    """Return the digits of a text, whatever they are written in."""
    numbers = (unicodedata.numeric(character, None) for character in text)
    return "".join(str(int(number)) for number in numbers if number is not None and number < 10)


@st.composite
def written(draw: st.DrawFn, numbers: st.SearchStrategy[str]) -> tuple[str, str]:
    """Return a number, and the same as somebody may write it: divided anyhow, in any digits."""
    number = draw(numbers)
    form = draw(st.sampled_from(["plain", "wide", "chinese"]))
    prefix = draw(st.sampled_from(["", "+86", "0086 ", "86-"])) if len(number) == 11 else ""
    text = prefix + "".join(character + draw(SIGNS) for character in number[:-1]) + number[-1]
    if form == "wide":
        text = "".join(chr(ord(character) + 0xFEE0) if character.isdigit() else character for character in text)
    return number, text.translate(CHINESE) if form == "chinese" else text


@given(written(PHONES | IDENTITY_NUMBERS | CARDS), WORDS, WORDS)
def test_at_most_the_last_four_digits_of_a_number_stay(number: tuple[str, str], before: str, after: str) -> None:
    masked = mask_text(f"{before}{number[1]}{after}")
    assert number[0].rstrip("X")[-4:].endswith(digits_of(masked))
    assert HIDDEN in masked


@given(PHONES, PHONES, st.sampled_from(["", "、", "/", " ", ",", "; ", "或", "\n", "转8", ":"]))
def test_two_numbers_together_show_no_more_than_each(first: str, second: str, between: str) -> None:
    shown = digits_of(mask_text(f"{first}{between}{second}"))
    assert shown in {second[-4:], first[-4:] + second[-4:], first[-4:] + "8" + second[-4:]}


@given(st.from_regex(r"[2-8][0-9]{6,7}", fullmatch=True))
def test_two_digits_of_a_number_without_area_code_stay(number: str) -> None:
    masked = mask_text(f"电话{number}。")
    assert digits_of(masked) == number[-2:] or (len(number) == 8 and number.startswith("20"))


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_mail_address_shows_its_first_character_and_its_domain(before: str, after: str) -> None:
    address = "wang.xiaoming@example.com"
    assert "wang.x" not in mask_text(f"{before} {address} {after}")


@given(st.text(max_size=200))
def test_a_text_is_masked_once(text: str) -> None:
    once = mask_text(text)
    assert mask_text(once) == once or HIDDEN in once or "***@" in once


@pytest.mark.parametrize(
    "text",
    [
        "工单TS20261130000123已转网络部",
        "多扣了12345678.90元，应退1,234,567元",
        "¥12345678 已到账",
        "2026-11-30 10:15:00 至 2026/12/01，共停机26小时",
        "20261130停机，2026年12月1日恢复",
        "17:30, 18:20, 19:10 各断一次，拨打10086和12300无人接",
        "合并到3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "2026-11-30T10:00:00.123456+08:00",
    ],
)
def test_ticket_numbers_amounts_and_times_stay_readable(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("TS2026113013800000101", "TS****0101"),
        ("¥138 0000 0101", "¥****0101"),
        ("请打88315021元旦见", "请打****21元旦见"),
        ("邮箱zhang.san@qq.com谢谢", "邮箱z***@qq.com谢谢"),
        ("a@b.cn", "***@b.cn"),
        ("13800000101@139.com", "1***@139.com"),
        ("车牌京A12345、粤B·D12345", "车牌京A****、粤B****"),
        ("护照E12345678", "护照E****78"),
        ("13,800,000,101", "****0101"),
        ("138****0101", "****01"),
    ],
)
def test_what_only_looks_harmless_is_masked(text: str, masked: str) -> None:
    assert mask_text(text) == masked


def test_single_values_are_masked_by_what_they_are() -> None:
    for value, masked in (("+8613800000101", "****0101"), ("88315021", "****21"), ("12345", "****"), ("", "****")):
        assert mask_token(value) == masked
    assert [mask_name(name) for name in ("王小明", " Li Wei", "李", "")] == ["王**", "L**", "李**", "**"]
    assert mask_email("li@example.com") == "l***@example.com"


def strings_of(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for child in children for text in strings_of(child)]


CUSTOMER = {
    "name": "王小明",
    "number": "C-778899",
    "phone": "+8613800000101",
    "phone_extension": "802",
    "email": "wang@example.com",
    "identity": "oX3abcDEFghi_12345678",
    "address": "上海市静安区南京西路1号",
}


def test_no_field_of_a_ticket_holds_more_than_the_mask() -> None:
    text = f"我是王小明，住{CUSTOMER['address']}，客户号C-778899，微信{CUSTOMER['identity']}，电话138 0000 0101。"
    text += "邮箱WANG@example.com"
    scenario = TicketScenario.opened(contact(customer=contact().customer.from_plain(CUSTOMER), text=text))
    ticket = json.loads(scenario.current.to_json())
    ticket["newer"] = {"texts": [text], "phone": CUSTOMER["phone"]}
    ticket["evidence"] = [{"kind": "recording", "reference": "https://rec/1?sig=abc", "name": "13800000101.wav"}]
    masked = mask_document(ticket)
    everything = "\n".join(strings_of(masked))
    for secret in (*CUSTOMER.values(), "13800000101", "138 0000 0101", "小明", "wang@", "WANG@", "sig=abc"):
        assert secret not in everything, secret
    assert masked["customer"]["name"] == "王**"
    assert masked["evidence"][0] == {"kind": "recording", "reference": HIDDEN, "name": "****0101.wav"}
    kept = ("id", "number", "version", "policy", "accepted_at", "status", "classification", "centre", "clocks")
    assert {name: masked[name] for name in kept} == {name: ticket[name] for name in kept}


def test_what_a_caller_needs_can_be_shown() -> None:
    scenario = TicketScenario.opened(contact(customer=contact().customer.from_plain(CUSTOMER)))
    masked = mask_document(json.loads(scenario.current.to_json()), shown=("name", "phone"))
    assert (masked["customer"]["phone"], masked["customer"]["email"]) == (CUSTOMER["phone"], "w***@example.com")


def test_the_name_in_the_texts_of_an_event_is_that_of_its_ticket() -> None:
    event = {"details": {"note": "王小明来电"}, "changes": {"customer": dict(CUSTOMER)}}
    masked = mask_document(event, customer=CUSTOMER)
    assert masked["details"] == {"note": "王**来电"}
    assert masked["changes"]["customer"]["phone"] == "****0101"


def test_a_placeholder_or_a_surname_alone_leaves_the_words_of_a_text() -> None:
    for name in ("客户", "李"):
        assert mask_document({"customer": {"name": name}, "subject": "客户李说太慢"})["subject"] == "客户李说太慢"
