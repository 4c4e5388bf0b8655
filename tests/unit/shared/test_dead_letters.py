"""Dead letters keep the original bytes, and everything about the failure in headers."""

from typing import Any, cast

import pytest

from services.shared.kafka import dead_letter_admin
from services.shared.kafka.dead_letter_admin import StoredDeadLetter
from services.shared.kafka.dead_letters import DeadLetterCandidate, dead_letter_id, dead_letter_record
from services.shared.kafka.records import Incoming
from services.shared.kafka.unreadable_batches import RawBatch
from services.shared.runtime.errors import DubanError
from tests.unit.shared.kafka_client import SETTINGS


@pytest.mark.requirement("R2.5")
def test_a_dead_letter_keeps_the_original_bytes_with_the_reason_in_headers() -> None:
    original = Incoming("contacts", 3, 17, b"key", b"\xff\x00broken", [("ce_id", b"7")])
    record = dead_letter_record(DeadLetterCandidate(original, "bad_syntax", "no JSON", "body", "store"), "intake")
    stored = StoredDeadLetter.from_record(Incoming(record.topic, 0, 0, record.key, record.value, record.headers))
    assert stored.value == b"\xff\x00broken"
    assert (stored.key, stored.headers) == (b"key", [("ce_id", b"7")])
    names = ("id", "topic", "partition", "offset", "reason", "field", "sender")
    assert {name: stored.details[name] for name in names} == {
        "id": str(dead_letter_id("contacts", 3, 17)),
        "topic": "contacts",
        "partition": "3",
        "offset": "17",
        "reason": "bad_syntax",
        "field": "body",
        "sender": "store",
    }


def test_the_dead_letter_of_a_batch_names_its_first_and_last_offset() -> None:
    batch = RawBatch(b"\x00raw", 15, "NotImplementedError: a codec")
    record = Incoming("channel.hotline", 3, 17, None, batch)
    letter = dead_letter_record(DeadLetterCandidate.from_raw_batch(record, batch, "hotline"), "intake")
    stored = StoredDeadLetter.from_record(Incoming(letter.topic, 0, 0, letter.key, letter.value, letter.headers))
    names = ("reason", "offset", "last_offset", "sender")
    assert [stored.details[name] for name in names] == ["unreadable", "15", "17", "hotline"]
    assert stored.value == b"\x00raw"
    assert "offsets 15 to 17" in stored.details["message"]


def test_a_batch_that_cannot_be_read_is_not_replayed_as_it_is() -> None:
    letter = StoredDeadLetter({"id": "1", "topic": "contacts", "reason": "unreadable"}, None, b"raw", [])
    with pytest.raises(DubanError, match="cannot be read"):
        next(dead_letter_admin.replay(SETTINGS, cast("Any", None), [letter]))
