"""Tests of parsing FreeSWITCH call records."""

import pytest

from schemas.call import Call, CallRecord
from tests.unit.intake.parsing import parse, parse_contact, to_json


def call(**variables: str) -> Call:
    record = {"core-uuid": "x", "variables": {"uuid": "u1", "start_epoch": "1773277000", **variables}}
    (item,) = parse("hotline", to_json(record))
    assert isinstance(item.content, CallRecord)
    return item.content.call


@pytest.mark.requirement("R2.5")
def test_control_characters_hidden_by_url_encoding_are_removed() -> None:
    found = call(uuid="ab%00c", cc_agent="ag%E2%80%AEent%40x", cc_queue="q%00", cc_record_filename="%00")
    assert (found.id, found.operator, found.queue, found.recording) == ("abc", "agent", "q", None)


@pytest.mark.requirement("R2.4")
def test_two_long_call_ids_with_the_same_beginning_stay_different() -> None:
    one, two = ("a" * 300 + end for end in "12")
    assert call(uuid=one).id != call(uuid=two).id
    form = {"form_no": "HF1", "call_id": one, "customer": {"ani": "13800000101"}, "content": "x"}
    assert parse_contact("hotline", form).call == call(uuid=one).id
