"""Dead letters keep the original bytes, and everything about the failure in headers."""

import pytest

from services.shared.kafka.dead_letter_admin import StoredDeadLetter
from services.shared.kafka.dead_letters import DeadLetterCandidate, dead_letter_id, dead_letter_record
from services.shared.kafka.records import Incoming


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
