"""The publisher on a real broker: what it can never store stops nobody (promise 5)."""

from uuid import uuid4

import pytest

from services.shared.kafka import dead_letter_admin, topic_reader, topics
from services.shared.kafka import publisher as publisher_module
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Outgoing
from services.shared.kafka.rejected_records import Unpublishable
from services.shared.kafka.topics import Topic
from services.shared.runtime.errors import ConfigurationError
from tests.system import System

TOPIC = {"title": "x", "key": "x", "producers": ["x"], "consumers": ["x"], "cleanup": "delete", "retention_hours": 1}


def incompressible(size: int) -> bytes:
    return b"".join(uuid4().bytes for _ in range(size // 16))


@pytest.mark.requirement("R2.5")
def test_a_record_over_the_topics_limit_does_not_hold_up_its_neighbours(system: System) -> None:
    name = f"t{uuid4().hex[:12]}"
    topics.create(system.kafka, {name: Topic.model_validate(TOPIC | {"max_record_kib": 1})})
    large = incompressible(200_000)
    publisher = Publisher(system.kafka, "tests", service="tests")
    publisher.publish([Outgoing(name, b"k", value, [("ce_id", b"7")]) for value in (b"first", large, b"last")])
    publisher.close()
    assert [record.value for record in topic_reader.read_all(system.kafka, name)] == [b"first", b"last"]
    (letter,) = (each for each in dead_letter_admin.unresolved(system.kafka) if each.details["topic"] == name)
    assert (letter.value, letter.key, letter.details["reason"]) == (large, b"k", "too_large")
    assert letter.headers == [("ce_id", b"7")]


@pytest.mark.requirement("R2.5")
def test_a_record_that_the_topic_never_takes_does_not_count_as_an_outage(system: System) -> None:
    name = f"t{uuid4().hex[:12]}"
    topics.create(system.kafka, {name: Topic.model_validate(TOPIC | {"max_record_kib": 1, "cleanup": "compact"})})
    publisher = Publisher(system.kafka, "tests")
    with pytest.raises(Unpublishable, match="does not take such a record"):
        publisher.publish([Outgoing(name, None, b"a compacted topic wants a key", [])])
    publisher.close()


@pytest.mark.requirement("R7.2")
def test_a_topic_that_does_not_exist_ends_publishing_with_a_sentence(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each answer of the broker takes ten seconds; one of them shows what the third brings.
    monkeypatch.setattr(publisher_module, "MAX_UNKNOWN_TOPIC", 1)
    publisher = Publisher(system.kafka, "tests", service="tests")
    with pytest.raises(ConfigurationError, match="does not exist; run `duban topics create`"):
        publisher.publish([Outgoing(f"missing-{uuid4().hex}", b"k", b"v", [])])
    publisher.close()
