"""The producer of every service: batches for each partition, made by the client's compiled builder."""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from kafka.partitioner import murmur2

from services.shared.kafka.connection import asynchronous
from services.shared.kafka.records import Outgoing
from services.shared.observability import logs
from services.shared.runtime.settings import KafkaSettings

REQUEST_TIMEOUT_MS = 10_000
"""Milliseconds within which the broker has to answer; then it is asked again, or a producer that is not idempotent
gives up."""
BATCH = 524_288
"""Bytes of a partition's records that travel in one batch, before they are compressed; a larger record goes alone."""
END_WITHIN = 1.0
"""Seconds that a producer has to end by itself when it is given up."""
REMEMBERED = 10_000
"""Keys whose hash is remembered: a ticket's state, events and commands go out one after the other."""

log = logs.get(__name__)


class Unacknowledged(Exception):
    """The broker did not take all records; its cause says why.

    Attributes:
        records: what it did not acknowledge, in order; some of it may be there all the same.

    """

    def __init__(self, records: Sequence[Outgoing]) -> None:
        super().__init__(len(records))
        self.records = records

    @property
    def reason(self) -> str:
        """What kept the broker from it, in a word."""
        return type(self.__cause__).__name__


@lru_cache(maxsize=REMEMBERED)
def _hash(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF


def partition(key: bytes, partitions: Sequence[int]) -> int:
    """Return the partition of a key among all of a topic's, as every client of Kafka chooses it."""
    return partitions[_hash(key) % len(partitions)]


class Producer:
    """Publishes in order and tells what was not acknowledged; it belongs to one event loop.

    An idempotent one waits for the broker for as long as it is away, so nothing comes twice and no record overtakes
    another of its partition. Once it has failed its sequence is in doubt, and it connects anew for what comes next.
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
        self._ending: dict[asyncio.Future[None], AIOKafkaProducer] = {}
        self._turn = 0

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Publish the records in their order and return when all are acknowledged.

        Raises:
            Unacknowledged: not all of them were.

        """
        left, producer = list(records), None
        try:
            while left:
                producer = await self._connected()
                batches, later = await self._packed(producer, left)
                # Together: what is there when the client looks leaves in one request.
                ends = await asyncio.gather(
                    *(_sent(producer, batch, *where) for where, (batch, _) in batches.items()), return_exceptions=True
                )
                kept = zip(batches.values(), ends, strict=True)
                left = [each for (_, inside), end in kept if end is not None for each in inside] + later
                for error in filter(None, ends):
                    raise error
        except (KafkaError, OSError) as error:
            self._give_up(producer)
            raise Unacknowledged(left) from error

    async def _packed(
        self, producer: AIOKafkaProducer, records: Sequence[Outgoing]
    ) -> tuple[dict[tuple[str, int], tuple[Any, list[Outgoing]]], list[Outgoing]]:
        """Return one batch for each topic and partition with what is in it, and the records that found no room."""
        batches: dict[tuple[str, int], tuple[Any, list[Outgoing]]] = {}
        later: list[Outgoing] = []
        topics = {name: sorted(await producer.partitions_for(name)) for name in {each.topic for each in records}}
        self._turn += 1
        for each in records:
            every = topics[each.topic]
            chosen = every[self._turn % len(every)] if each.key is None else partition(each.key, every)
            where = (each.topic, chosen)
            if where not in batches:
                batches[where] = (producer.create_batch(), [])
            batch, inside = batches[where]
            if batch.append(timestamp=None, key=each.key, value=each.value, headers=each.headers) is None:
                later.append(each)
            else:
                inside.append(each)
        return batches, later

    async def connect(self) -> None:
        """Connect, if it is not connected; publishing does so by itself, but later.

        Raises:
            KafkaError: the broker is away.

        """
        await self._connected()

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is None:
                self._producer = AIOKafkaProducer(
                    **asynchronous(self._settings),
                    client_id=self._client,
                    acks="all",
                    enable_idempotence=self._idempotent,
                    # The one that is quick both ways: the library writes lz4 slowly, and reads snappy slowly.
                    compression_type="zstd",
                    max_batch_size=BATCH,
                    request_timeout_ms=self._request_timeout_ms,
                )
                try:
                    await self._producer.start()
                except BaseException:
                    self._give_up(self._producer)
                    raise
            return self._producer

    def _give_up(self, producer: AIOKafkaProducer | None) -> None:
        """Connect anew for what comes next; what others still wait for goes on."""
        if producer is None or producer != self._producer:
            return
        self._producer = None
        ending = asyncio.ensure_future(producer.stop())
        self._ending[ending] = producer
        ending.add_done_callback(self._ended)

    def _ended(self, ending: "asyncio.Future[None]") -> None:
        del self._ending[ending]
        if not ending.cancelled() and (error := ending.exception()) is not None:
            log.info("ended_badly", error=type(error).__name__)

    async def close(self) -> None:
        """Disconnect, whatever is still on its way."""
        self._give_up(self._producer)
        endings = dict(self._ending)
        if not endings:
            return
        # The library would wait for what a broker that is away never acknowledges.
        _, left = await asyncio.wait(endings, timeout=END_WITHIN)
        for each in left:
            each.cancel()
            await endings[each].client.close()


async def _sent(producer: AIOKafkaProducer, batch: Any, topic: str, partition: int) -> None:
    await (await producer.send_batch(batch, topic, partition=partition))
