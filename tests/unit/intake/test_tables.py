"""Tables and dumps as they really come: a bad byte spoils its own row, and nothing is dropped in silence."""

import io
import json

import pytest

from services.intake.channel_registry import channels
from services.intake.domain.envelope import Envelope, RejectedItem
from services.intake.domain.fields import InvalidPayload
from services.intake.domain.splitter import CSV, NDJSON, MessagePart, split
from tests.builders import MORNING

HEAD = "受理流水号,受理时间,联系电话,投诉内容\n"
ROWS = [f"S{number},2026-03-12 10:21,1380000{number:04d},内容{number}很长很长\n" for number in range(600)]


def pieces_of(content: bytes, media_type: str = CSV) -> list[MessagePart]:
    found = split(io.BytesIO(content), media_type)
    assert found is not None
    return list(found)


def spoilt(charset: str) -> bytes:
    content = bytearray((HEAD + "".join(ROWS)).encode(charset))
    content[content.index("内容300".encode(charset))] = 0xFF
    return bytes(content)


@pytest.mark.requirement("R2.5", "R7.1")
@pytest.mark.parametrize("charset", ["utf-8", "gb18030"])
def test_a_bad_byte_spoils_its_own_row_alone(charset: str) -> None:
    found = pieces_of(spoilt(charset))
    assert len(found) == len(ROWS)
    (bad,) = [each for each in found if each.error is not None]
    assert bad.error is not None
    assert (bad.line, bad.error.field, bad.error.reason) == (302, "投诉内容", "bad_encoding")
    assert bad.original == ROWS[300].encode(charset).replace("内".encode(charset)[:1], b"\xff", 1)
    assert json.loads(found[-1].body)["投诉内容"] == "内容599很长很长"


@pytest.mark.requirement("R2.5")
def test_a_bad_byte_under_a_told_charset_too() -> None:
    found = pieces_of((HEAD + ROWS[0]).encode() + b"S1,\xff,1,2\n" + ROWS[2].encode(), "text/csv; charset=utf-8")
    assert [each.error.reason if each.error else None for each in found] == [None, "bad_encoding", None]


def test_utf_8_that_gb18030_would_take_too_stays_utf_8() -> None:
    """Names of an even number of characters hold pairs of bytes only, of which GB18030 can make something."""
    content = "受理时间,联系电话\n2026-03-12,内容很长\n".encode() + b"\xff\xff,x\n"
    assert "联系电话" in json.loads(pieces_of(content)[0].body)


@pytest.mark.requirement("R2.5")
def test_what_cannot_be_used_of_a_table_is_kept_with_its_bytes() -> None:
    rows = [ROWS[0].encode(), b"S1,\xff,1,2\n", b'S2,"x"y,1,2\n', b"S3,x\n"]
    envelope = Envelope("hall", "store", "carrier", MORNING, CSV, HEAD.encode() + b"".join(rows))
    heard = channels()["store"].parse(envelope)
    refused = [each.content for each in heard if isinstance(each.content, RejectedItem)]
    assert [each.body for each in refused] == rows[1:]
    assert [each.message_id for each in refused] == ["S1", None, "S3"]


def test_names_of_columns_that_cannot_be_read_refuse_the_table() -> None:
    with pytest.raises(InvalidPayload) as caught:
        pieces_of(b"\xff\xff" + HEAD.encode("gb18030") + ROWS[0].encode("gb18030"))
    assert [each.reason for each in caught.value.errors] == ["bad_encoding"]


@pytest.mark.parametrize("charset", ["undefined", "hex", "idna", "utf-7", "utf-16", "unicode_escape", "nothing", "a\0"])
def test_a_charset_that_is_none_of_tables_says_what_to_do(charset: str) -> None:
    with pytest.raises(InvalidPayload, match="save the file as UTF-8"):
        list(split(io.BytesIO(b"a,b\n1,2\n"), CSV, charset=charset) or ())


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize("payload", ['""', "null"])
def test_a_dumped_record_without_a_value_is_no_message(payload: str) -> None:
    dump = f'{{"topic":"t","partition":0,"offset":1,"payload":{payload}}}\n'
    (found,) = pieces_of(dump.encode(), NDJSON)
    assert found.error is not None
    assert (found.error.field, found.error.reason) == ("payload", "empty")
