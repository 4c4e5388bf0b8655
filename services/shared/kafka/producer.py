"""The Kafka producer of every service: one batch per partition, built by the client's compiled batch builder."""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from kafka.partitioner import murmur2

from services.shared.kafka.connection import async_client_options
from services.shared.kafka.kafka_errors import RECORD_ERRORS, PartitionCountChangedError
from services.shared.kafka.records import Outgoing
from services.shared.observability import logs
from services.shared.runtime.settings import KafkaSettings

REQUEST_TIMEOUT_MS = 10_000
"""Milliseconds within which the broker has to answer; then an idempotent producer asks again, another one gives up."""
BATCH_BYTES = 524_288
"""Bytes of a partition's records in one batch, before compression; a larger record goes alone."""
CLOSE_TIMEOUT = 1.0
"""Seconds that a discarded client has to close by itself."""
KEY_CACHE_SIZE = 10_000
"""Keys whose hash is cached: a ticket's state, events and commands go out one after the other."""

log = logs.get(__name__)

_Batches = dict[tuple[str, int], tuple[Any, list[Outgoing]]]
"""By topic and partition: the client's batch, and the records in it."""


class Unacknowledged(Exception):
    """The broker did not acknowledge all records; `__cause__` is the client's error.

    Attributes:
        records: those that were not acknowledged, in order; the broker may have stored some of them all the same.
        rejected: how many of the first of them the broker refused for what they are: all of one partition's batch,
            where at least one record, or the batch as a whole, can never be stored.

    """

    def __init__(self, records: Sequence[Outgoing], rejected: int = 0) -> None:
        super().__init__(len(records))
        self.records = records
        self.rejected = rejected

    @property
    def reason(self) -> str:
        """Class name of the client's error."""
        return type(self.__cause__).__name__


@lru_cache(maxsize=KEY_CACHE_SIZE)
def _hash(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF


def partition(key: bytes, partitions: Sequence[int]) -> int:
    """Return the partition of a key among all of a topic's, as every Kafka client chooses it."""
    return partitions[_hash(key) % len(partitions)]


class Producer:
    """Publishes records in order and reports those that were not acknowledged; belongs to one event loop.

    An idempotent producer waits for an unavailable broker for as long as it takes, so nothing is duplicated and no
    record overtakes another of its partition. After a failure its sequence is in doubt, so it reconnects. Another one
    reconnects only when the failure is not one of the records themselves.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        client: str,
        *,
        idempotent: bool,
        request_timeout_ms: int = REQUEST_TIMEOUT_MS,
    ) -> None:
        self._settings = settings
        self._client = client
        self._idempotent = idempotent
        self._request_timeout_ms = request_timeout_ms
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()
        self._closing: dict[asyncio.Future[None], AIOKafkaProducer] = {}
        self._round_robin = 0

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Publish the records in their order and return when all are acknowledged.

        Raises:
            Unacknowledged: not all of them were.

        """
        remaining, rejected, producer = list(records), 0, None
        try:
            while remaining:
                producer = await self._connected()
                batches, overflow = await self._pack(producer, remaining)
                # All batches at once, so that the client sends them in one request.
                results = await asyncio.gather(
                    *(_send(producer, batch, *where) for where, (batch, _) in batches.items()), return_exceptions=True
                )
                failures = [
                    (result, packed)
                    for (_, packed), result in zip(batches.values(), results, strict=True)
                    if result is not None
                ]
                # A batch that is refused for what it holds comes first, so that the publisher can take it apart.
                failures.sort(key=lambda failure: type(failure[0]) not in RECORD_ERRORS)
                remaining = [record for _, packed in failures for record in packed] + overflow
                if failures:
                    error, packed = failures[0]
                    rejected = len(packed) if type(error) in RECORD_ERRORS else 0
                    raise error
        except (KafkaError, OSError) as error:
            # A sender can cause rejections at will; without a sequence in doubt there is no reason to reconnect.
            if self._idempotent or not rejected:
                self._discard(producer)
            raise Unacknowledged(remaining, rejected) from error

    async def _pack(self, producer: AIOKafkaProducer, records: Sequence[Outgoing]) -> tuple[_Batches, list[Outgoing]]:
        """Return one batch for each topic and partition, and the records that did not fit into theirs."""
        batches: _Batches = {}
        overflow: list[Outgoing] = []
        names = {record.topic for record in records}
        partitions = {name: await self._partitions_of(producer, name) for name in names}
        self._round_robin += 1
        for record in records:
            available = partitions[record.topic]
            number = (
                available[self._round_robin % len(available)]
                if record.key is None
                else partition(record.key, available)
            )
            where = (record.topic, number)
            if where not in batches:
                batches[where] = (producer.create_batch(), [])
            batch, packed = batches[where]
            if batch.append(timestamp=None, key=record.key, value=record.value, headers=record.headers) is None:
                overflow.append(record)
            else:
                packed.append(record)
        return batches, overflow

    async def connect(self) -> None:
        """Connect, unless connected; publishing does so by itself, but only when there is something to publish.

        Raises:
            KafkaError: the broker is unavailable.

        """
        await self._connected()

    async def _partitions_of(self, producer: AIOKafkaProducer, topic: str) -> list[int]:
        """Return the partitions of a topic.

        Raises:
            PartitionCountChangedError: there are more or fewer than when the topics were created: records of a key that
                go to another partition from now on may overtake those before.

        """
        partitions = sorted(await producer.partitions_for(topic))
        if len(partitions) != self._settings.partitions:
            raise PartitionCountChangedError(f"{topic} has {len(partitions)}, not {self._settings.partitions}")
        return partitions

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is None:
                self._producer = AIOKafkaProducer(
                    **async_client_options(self._settings),
                    client_id=self._client,
                    acks="all",
                    enable_idempotence=self._idempotent,
                    # zstd is fast both ways: the library writes lz4 slowly, and reads snappy slowly.
                    compression_type="zstd",
                    max_batch_size=BATCH_BYTES,
                    request_timeout_ms=self._request_timeout_ms,
                )
                try:
                    await self._producer.start()
                except BaseException:
                    self._discard(self._producer)
                    raise
            return self._producer

    def _discard(self, producer: AIOKafkaProducer | None) -> None:
        """Close the client in the background and reconnect for the next publish; its pending sends go on."""
        if producer is None or producer != self._producer:
            return
        self._producer = None
        closing = asyncio.ensure_future(producer.stop())
        self._closing[closing] = producer
        closing.add_done_callback(self._closed)

    def _closed(self, closing: "asyncio.Future[None]") -> None:
        del self._closing[closing]
        if not closing.cancelled() and (error := closing.exception()) is not None:
            log.info("producer_close_failed", error=type(error).__name__)

    async def close(self) -> None:
        """Disconnect within a second, whatever is still unacknowledged."""
        self._discard(self._producer)
        closing = dict(self._closing)
        if not closing:
            return
        # The library would wait for acknowledgements that an unavailable broker never sends.
        _, pending = await asyncio.wait(closing, timeout=CLOSE_TIMEOUT)
        for task in pending:
            task.cancel()
            await closing[task].client.close()


async def _send(producer: AIOKafkaProducer, batch: Any, topic: str, partition: int) -> None:
    await (await producer.send_batch(batch, topic, partition=partition))
