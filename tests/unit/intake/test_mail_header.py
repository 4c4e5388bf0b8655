"""Tests of decoding mail headers."""

import pytest

from services.intake.domain.channels.mail_header import decode_bytes, decode_header_text
from tests.unit.intake.mails import parse_mail_contact


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("=?gb2312?B?ts/N+A==?=", "断网"),
        ("=?utf-8?B?5pat?= =?utf-8?B?572R?=", "断网"),
        ("=?undefined?q?a?=", "a"),
        ("=?x-gbk?q?=B6=CF?=", "断"),
        ("\udcb6\udccf", "断"),
        ("\udce6\udc96\udcad", "断"),
        ("plain", "plain"),
    ],
)
def test_a_header_is_decoded_in_any_charset(written: str, text: str) -> None:
    assert decode_header_text(written) == text


@pytest.mark.parametrize("charset", ["undefined", "idna", "a\x00", "²", "", None, "unicode_escape", "rot13", "hex"])
def test_an_unknown_charset_loses_no_text(charset: str | None) -> None:
    assert decode_bytes("断网".encode(), charset) == "断网"


@pytest.mark.parametrize("charset", ["utf-8", "gb18030"])
def test_a_subject_without_a_declared_charset_is_decoded(charset: str) -> None:
    contact = parse_mail_contact(b"Subject: " + "宽带断网".encode(charset) + b"\r\n\r\nx")
    assert contact.details["subject"] == "宽带断网"
