"""Records as foreign producers compress them, and a batch that a disk has damaged, on a real broker."""

from pathlib import Path

import pytest
from confluent_kafka import Producer

from services.shared.kafka import dead_letter_admin
from tests.batch_consumer import ConsumerUnderTest
from tests.builders import eventually
from tests.system import System


def send_as_foreigner(system: System, topic: str, codec: str, *numbers: int) -> None:
    """Write one batch with librdkafka, which shares no code with the clients that read it."""
    producer = Producer(
        {"bootstrap.servers": system.kafka.bootstrap_servers, "compression.type": codec, "linger.ms": 50}
    )
    for number in numbers:
        # White space, so that the batch is worth compressing.
        producer.produce(topic, key=b"k", value=str(number).encode() + b" " * 1000)
    assert producer.flush(20) == 0


@pytest.mark.requirement("R2.5")
def test_every_codec_of_a_foreign_producer_is_read(system: System) -> None:
    tested = ConsumerUnderTest(system)
    codecs = ("none", "gzip", "snappy", "lz4", "zstd")
    for first, codec in enumerate(codecs):
        send_as_foreigner(system, tested.source, codec, 10 * first + 1, 10 * first + 2)
    with tested.started():
        eventually(lambda: tested.saved() == [10 * first + n for first in range(len(codecs)) for n in (1, 2)])
    assert tested.dead_letters() == []


@pytest.mark.requirement("R2.5")
def test_a_batch_that_the_disk_has_damaged_is_one_dead_letter_and_holds_up_nothing(system: System) -> None:
    """Promise 5."""
    tested = ConsumerUnderTest(system)
    send_as_foreigner(system, tested.source, "none", 1, 2)
    marked = b"888" + b" " * 1000
    send_as_foreigner(system, tested.source, "none", 888, 889)
    send_as_foreigner(system, tested.source, "gzip", 3)
    damaged = 0
    for segment in Path(system.stack.folder.kafka).rglob(f"{tested.source}-*/*.log"):
        content = segment.read_bytes()
        if (at := content.find(marked)) >= 0:
            with segment.open("r+b") as file:
                file.seek(at)
                file.write(b"x")
            damaged += 1
    assert damaged == 1
    with tested.started():
        tested.send(b"4")
        eventually(lambda: tested.saved() == [1, 2, 3, 4])
        eventually(lambda: tested.committed() == 6)
    (letter,) = [each for each in dead_letter_admin.unresolved(system.kafka) if each.details["topic"] == tested.source]
    assert {name: letter.details[name] for name in ("reason", "offset", "last_offset")} == {
        "reason": "unreadable",
        "offset": "2",
        "last_offset": "3",
    }
    assert b"x88" in letter.value
