"""Tests of parsing Asterisk's call logs."""

import pytest

from schemas.call import Call, CallRecord
from services.intake.domain.envelope import RejectedItem
from services.intake.domain.message_parts import CSV
from tests.unit.intake.parsing import NOT_DIGITS, parse

LINE_SEPARATORS = ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"]
"""Where `str.splitlines` breaks a line besides carriage return and line feed."""
CDR = (
    '"","{src}","600","in","""Na{mark}me"" <138>","PJSIP/a-1","PJSIP/8007-2","Queue","q","2026-03-12 01:00:00",'
    '"2026-03-12 01:00:20","2026-03-12 01:04:20",260,240,"ANSWERED","DOCUMENTATION","1773277200.{id}","audio:x.wav"'
)


def calls(body: str, media_type: str) -> list[Call]:
    contents = [item.content for item in parse("hotline", body.encode(), media_type)]
    records = [content for content in contents if isinstance(content, CallRecord)]
    assert len(records) == len(contents)
    return [record.call for record in records]


@pytest.mark.requirement("R2.1", "R2.5")
@pytest.mark.parametrize("mark", LINE_SEPARATORS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_caller_s_name_never_ends_a_line(mark: str, end: str) -> None:
    lines = [CDR.format(src="13800000101", mark=mark, id=1), CDR.format(src="13800000102", mark="", id=2)]
    assert [call.phone for call in calls(end.join(lines) + end, CSV)] == ["+8613800000101", "+8613800000102"]
    lines = [f"1773277000|c1|q|NONE|ENTERQUEUE||13800000101|1|Na{mark}me", "1773277010|c1|q|m|CONNECT|10|x|3"]
    (call,) = calls(end.join(lines) + end, "text/plain")
    assert (call.phone, call.waiting, call.rows) == ("+8613800000101", 10, 2)


def test_a_rejected_line_keeps_its_number() -> None:
    complete = CDR.format(src="13800000101", mark="\x85", id=1)
    items = parse("hotline", f'{complete}\n"half\n\n{complete[:40]}'.encode(), CSV)
    rejected = [(item.line, item.content) for item in items if isinstance(item.content, RejectedItem)]
    assert [(line, content.errors[0].reason) for line, content in rejected] == [(2, "truncated"), (4, "truncated")]


@pytest.mark.parametrize("digit", NOT_DIGITS)
def test_a_number_in_digits_other_than_ascii_is_not_read(digit: str) -> None:
    log = f"{digit}|c1|q|m|CONNECT|1|2|3\n1773277000|c2|q|m|CONNECT|{digit}|2|3\n"
    rejected, record = sorted(parse("hotline", log.encode(), "text/plain"), key=lambda item: item.line or 0)
    assert isinstance(rejected.content, RejectedItem)
    assert isinstance(record.content, CallRecord)
    assert record.content.call.waiting is None
