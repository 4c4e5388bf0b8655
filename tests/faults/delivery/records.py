"""Faults of what is sent: tickets that outgrow their records, records that cannot be used, batches that are damaged."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from tests.builders import CENTRE
from tests.faults.delivery.fault import CannotInject, Expectation, Fault
from tests.faults.delivery.rig import DeliveryRig

TOPIC = "channel.app_im"
"""A channel that nothing else is sent on."""
BAD_RECORDS = 1_600
COMPRESSED = 20
COMMANDS, LINKS = 5, 100
"""Commands of one ticket, and signed links of about 1.4 kB in each."""


@contextmanager
def _growing_ticket(rig: DeliveryRig) -> Iterator[None]:
    """Attach so many links to a ticket that it would not fit into a record any more.

    Raises:
        AssertionError: a command is not accepted.

    """
    number = rig.open_ticket()
    for batch in range(COMMANDS):
        links = [
            {"kind": "scan", "reference": f"https://files.example/{batch}/{number}?signature={uuid4().hex * 42}"}
            for number in range(LINKS)
        ]
        response = rig.http.post(
            f"/v1/tickets/{number}/commands",
            json={
                "action": {"type": "attach", "evidence": links},
                "actor": {"kind": "unit", "name": "faults", "unit": CENTRE},
            },
            headers={"Idempotency-Key": f"{number}/{batch}"},
            params={"wait": 10},
        )
        assert response.status_code == 202, response.text[:300]
    yield


def _publish(rig: DeliveryRig, topic: str, count: int, *, compression: str | None) -> None:
    """Publish records that are no JSON to partition 0 of a topic, as a foreign program would."""

    async def publish() -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=rig.stack.bootstrap_servers, compression_type=compression, linger_ms=50
        )
        await producer.start()
        try:
            for number in range(count):
                await producer.send(topic, f"not json {uuid4().hex} {number}".encode(), partition=0)
            await producer.flush()
        finally:
            await producer.stop()

    asyncio.run(publish())


def _dead_letters(rig: DeliveryRig, topic: str) -> int:
    with rig.database() as connection:
        row = connection.execute("select count(*) from plumbing.dead_letter where topic = %s", (topic,)).fetchone()
    return int(row[0]) if row is not None else 0


@contextmanager
def _bad_records(rig: DeliveryRig) -> Iterator[None]:
    _publish(rig, "channel.hotline", BAD_RECORDS, compression="zstd")
    yield


@contextmanager
def _compressed(rig: DeliveryRig) -> Iterator[None]:
    """Publish records in every compression.

    Raises:
        AssertionError: they were not read.

    """
    before = _dead_letters(rig, TOPIC)
    for compression in ("snappy", "lz4", "gzip", "zstd"):
        _publish(rig, TOPIC, COMPRESSED, compression=compression)
    yield
    expected = before + 4 * COMPRESSED
    rig.wait_until(lambda: _dead_letters(rig, TOPIC) >= expected, 30, "not every compressed record was read")


@contextmanager
def _damaged_batch(rig: DeliveryRig) -> Iterator[None]:
    """Damage a batch on the broker's disk before intake has read it.

    Raises:
        CannotInject: the broker's log does not hold the batch.
        AssertionError: no dead letter tells of it.

    """
    before = _dead_letters(rig, TOPIC)
    with rig.frozen(*rig.stack.replicas("intake")):
        mark = uuid4().hex.encode()
        _publish_bytes(rig, TOPIC, mark)
        time.sleep(1)
        for file in (rig.stack.folder.kafka / f"{TOPIC}-0").glob("*.log"):
            content = file.read_bytes()
            if (at := content.find(mark)) >= 0:
                with file.open("r+b") as log:
                    log.seek(at)
                    log.write(bytes([mark[0] ^ 1]))
                break
        else:
            raise CannotInject("the broker's log does not hold the batch")
    yield
    rig.wait_until(lambda: _dead_letters(rig, TOPIC) > before, 30, "no dead letter tells of the damaged batch")


def _publish_bytes(rig: DeliveryRig, topic: str, value: bytes) -> None:
    async def publish() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=rig.stack.bootstrap_servers)
        await producer.start()
        try:
            await producer.send_and_wait(topic, value, partition=0)
        finally:
            await producer.stop()

    asyncio.run(publish())


FAULTS = (
    Fault(
        "bad-records",
        f"{BAD_RECORDS} records that are no JSON, on the topic of one channel",
        20,
        _bad_records,
        Expectation(stays_ready=("intake", "router", "ledger"), recovered_within=60),
    ),
    Fault(
        "compressed-records",
        "a foreign program writes with snappy, lz4, gzip and zstd",
        5,
        _compressed,
        Expectation(stays_ready=("intake",)),
    ),
    Fault(
        "damaged-batch",
        "a bit of a batch is flipped on the broker's disk",
        5,
        _damaged_batch,
        Expectation(recovered_within=60),
    ),
    Fault(
        "growing-ticket",
        f"{COMMANDS} commands attach {LINKS} signed links each to one ticket",
        5,
        _growing_ticket,
        Expectation(stays_ready=("intake", "router", "ledger")),
        short=True,
    ),
)
