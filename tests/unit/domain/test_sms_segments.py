"""Segments of an SMS in GSM-7 and UCS-2."""

import pytest

from services.domain import sms_segments


@pytest.mark.parametrize(
    ("text", "encoding", "parts"),
    [
        ("a" * 160, "GSM-7", 1),
        ("a" * 161, "GSM-7", 2),
        ("€" * 80, "GSM-7", 1),
        ("€" * 81, "GSM-7", 2),
        ("a" * 152 + "€", "GSM-7", 1),
        ("a" * 152 + "€" * 10, "GSM-7", 2),
        ("您" * 70, "UCS-2", 1),
        ("您" * 71, "UCS-2", 2),
        ("您" * 134, "UCS-2", 2),
        ("您" * 135, "UCS-2", 3),
        ("😀" * 35, "UCS-2", 1),
        ("😀" * 67, "UCS-2", 3),
        ("", "GSM-7", 1),
    ],
)
def test_how_many_messages_an_sms_is(text: str, encoding: str, parts: int) -> None:
    assert (sms_segments.encoding(text), sms_segments.count_segments(text)) == (encoding, parts)
