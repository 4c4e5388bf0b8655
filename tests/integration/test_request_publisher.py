"""The publisher for requests on a real broker: what can never be stored is told apart from what passes."""

import asyncio
from uuid import uuid4

import pytest

from services.shared.kafka import topic_reader, topics
from services.shared.kafka.records import Outgoing
from services.shared.kafka.rejected_records import Unpublishable
from services.shared.kafka.request_publisher import RequestPublisher
from services.shared.kafka.topics import Topic
from tests.builders import eventually
from tests.integration.test_publisher import TOPIC, incompressible
from tests.system import System


@pytest.mark.requirement("R2.5")
def test_a_record_over_the_topics_limit_is_named_and_does_not_hold_up_its_neighbours(system: System) -> None:
    name = f"t{uuid4().hex[:12]}"
    topics.create(system.kafka, {name: Topic.model_validate(TOPIC | {"max_record_kib": 1})})
    first, large, last = (Outgoing(name, b"k", value, []) for value in (b"first", incompressible(200_000), b"last"))
    publisher = RequestPublisher(system.kafka, "tests", timeout=4, max_in_flight=10)
    publisher.start()
    eventually(lambda: publisher.connected)
    try:
        with pytest.raises(Unpublishable) as raised:
            asyncio.run(publisher.publish([first, large, last]))
        asyncio.run(publisher.publish([first]))
    finally:
        publisher.close()
    (rejected,) = raised.value.rejected
    assert rejected.record is large
    assert rejected.reason == "too_large"
    stored = [record.value for record in topic_reader.read_all(system.kafka, name)]
    assert stored == [b"first", b"last", b"first"]
