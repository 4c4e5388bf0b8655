"""Tests of the envelope, of channel settings in it, and of parsing a JSON body."""

import pytest

from services.intake.domain.envelope import ChannelConfig, parse_json_object
from tests.unit.intake.parsing import envelope, reasons


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"\xff\xfe", "bad_encoding"),
        (b'{"a": ', "truncated"),
        (b'{"a": ]}', "bad_syntax"),
        (b'{"a": NaN}', "bad_syntax"),
        (b"[]", "bad_schema"),
        (b"[" * 100_000, "bad_schema"),
    ],
)
def test_a_body_that_is_no_json_object_is_rejected_with_a_reason(body: bytes, reason: str) -> None:
    assert list(reasons(lambda: parse_json_object(body)).values()) == [reason]


@pytest.mark.parametrize(
    ("name", "value"), [("columns", "²"), ("columns", "x"), ("default_tz", "Mars"), ("cdr_tz", "x")]
)
def test_an_impossible_value_of_a_setting_is_an_error_that_names_it(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: "):
        ChannelConfig().with_settings({name: value})


@pytest.mark.parametrize(("written", "stored"), [("", "application/octet-stream"), ("text/\x00x", "text/x")])
def test_any_media_type_can_be_stored_with_the_original(written: str, stored: str) -> None:
    assert envelope("web_form", b"x", written).raw().media_type == stored
