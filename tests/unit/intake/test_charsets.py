"""Tests of resolving the charset names that senders write."""

import pytest

from services.intake.domain import charsets
from services.intake.domain.envelope import ChannelConfig
from services.intake.domain.message_parts import CSV
from tests.unit.intake.parsing import parse, parse_contact, reasons

HALL = "受理流水号,受理时间,联系电话,投诉内容\nS1,2026-03-12 10:21,13800000000,宽带慢\n"


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize(
    "name", ["undefined", "idna", "punycode", "hex", "unicode_escape", "utf-16", "a\x00", "²", "x" * 99]
)
def test_an_unknown_charset_in_the_settings_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match="charset"):
        ChannelConfig().with_settings({"charset": name})
    for channel in ("store", "hotline"):
        found = reasons(lambda: parse(channel, HALL.encode(), CSV, ChannelConfig(charset=name)))  # noqa: B023
        assert set(found.values()) == {"bad_encoding"}


@pytest.mark.parametrize("name", ["undefined", "idna", "utf-16", "hex", "utf-7"])
def test_an_unknown_charset_in_the_media_type_is_an_error(name: str) -> None:
    found = reasons(lambda: parse("store", HALL.encode(), f"text/csv; charset={name}"))
    assert set(found.values()) == {"bad_encoding"}


@pytest.mark.parametrize("name", ["GB2312", "gbk", "x-gbk", "GB18030", "UTF8", "utf-8-sig"])
def test_a_charset_is_known_by_all_its_names(name: str) -> None:
    body = HALL.encode("utf-8" if name.lower().startswith("utf") else "gb18030")
    config = ChannelConfig().with_settings({"charset": name})
    assert parse_contact("store", body, CSV, config).text == "宽带慢"
    assert parse_contact("store", body, f'text/csv; charset="{name}"').text == "宽带慢"


def test_a_mail_may_have_charsets_that_a_file_may_not() -> None:
    assert (charsets.for_mail("UTF-16"), charsets.for_file("UTF-16")) == ("utf-16", None)
    assert charsets.for_mail("undefined") is None
