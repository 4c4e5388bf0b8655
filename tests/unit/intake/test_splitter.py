"""Tests of splitting files: a bad byte spoils only its own row, and nothing is dropped silently."""

import io
import json

import pytest

from services.intake.domain.fields import InvalidPayload
from services.intake.domain.message_parts import CSV, NDJSON, MessagePart
from services.intake.domain.splitter import split
from tests.unit.intake.parsing import reasons

HEADER = "受理流水号,受理时间,联系电话,投诉内容\n"
ROWS = [f"S{number},2026-03-12 10:21,1380000{number:04d},内容{number}很长很长\n" for number in range(600)]


def parts(content: bytes, media_type: str = CSV) -> list[MessagePart]:
    found = split(io.BytesIO(content), media_type)
    assert found is not None
    return [part for part in found if part.kept is None]


@pytest.mark.requirement("R2.5", "R7.1")
@pytest.mark.parametrize("charset", ["utf-8", "gb18030"])
def test_a_bad_byte_spoils_only_its_own_row(charset: str) -> None:
    content = bytearray((HEADER + "".join(ROWS)).encode(charset))
    content[content.index("内容300".encode(charset))] = 0xFF
    found = parts(bytes(content))
    assert len(found) == len(ROWS)
    (bad,) = [part for part in found if part.error is not None]
    assert bad.error is not None
    assert (bad.line, bad.error.field, bad.error.reason) == (302, "投诉内容", "bad_encoding")
    assert bad.original == ROWS[300].encode(charset).replace("内".encode(charset)[:1], b"\xff", 1)
    assert json.loads(found[-1].body)["投诉内容"] == "内容599很长很长"


@pytest.mark.requirement("R2.5")
def test_a_bad_byte_spoils_only_its_own_row_when_the_charset_is_given() -> None:
    found = parts((HEADER + ROWS[0]).encode() + b"S1,\xff,1,2\n" + ROWS[2].encode(), "text/csv; charset=utf-8")
    assert [part.error.reason if part.error else None for part in found] == [None, "bad_encoding", None]


def test_utf_8_that_is_also_valid_gb18030_is_read_as_utf_8() -> None:
    # Names of an even number of characters consist of pairs of bytes, which GB18030 can decode, too.
    content = "受理时间,联系电话\n2026-03-12,内容很长\n".encode() + b"\xff\xff,x\n"
    assert "联系电话" in json.loads(parts(content)[0].body)


def test_a_table_whose_column_names_cannot_be_decoded_is_rejected() -> None:
    content = b"\xff\xff" + HEADER.encode("gb18030") + ROWS[0].encode("gb18030")
    assert reasons(lambda: parts(content)) == {"body": "bad_encoding"}


@pytest.mark.parametrize("charset", ["undefined", "hex", "idna", "utf-7", "utf-16", "unicode_escape", "nothing", "a\0"])
def test_an_unknown_charset_is_rejected_with_an_advice(charset: str) -> None:
    with pytest.raises(InvalidPayload, match="save the file as UTF-8"):
        list(split(io.BytesIO(b"a,b\n1,2\n"), CSV, charset=charset) or ())


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize("payload", ['""', "null"])
def test_a_dumped_record_without_a_value_is_an_error(payload: str) -> None:
    dump = f'{{"topic":"t","partition":0,"offset":1,"payload":{payload}}}\n'
    (part,) = parts(dump.encode(), NDJSON)
    assert part.error is not None
    assert (part.error.field, part.error.reason) == ("payload", "empty")
