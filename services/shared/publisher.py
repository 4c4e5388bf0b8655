"""Publishing: a record counts as published only when the broker has acknowledged it."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.partitioner import DefaultPartitioner, murmur2

from services.shared import logs
from services.shared.connection import connection
from services.shared.errors import Retryable
from services.shared.records import Outgoing
from services.shared.settings import KafkaSettings

LONG = 2_000_000_000
"""Milliseconds: no practical delivery timeout for pipeline producers (DESIGN 3)."""
CHUNK = 500
"""Records in flight at once: the client's own buffer has no bound."""
WAIT = 1.0
"""Seconds between two signs of life while waiting for the broker."""
GATHER_MS = 100
"""Milliseconds that the client may wait for more: a chunk is told to leave as soon as all of it is there."""
REMEMBERED = 10_000
"""Keys whose hash is remembered: a ticket's state, events and commands go out one after the other."""

log = logs.get(__name__)


def _nothing() -> None:
    """Do nothing while waiting."""


@lru_cache(maxsize=REMEMBERED)
def _hash(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF


class ByKey(DefaultPartitioner):  # type: ignore[misc]  # the library has no types
    """Chooses the partition of a key as every client of Kafka does, without hashing the same key again and again."""

    def partition(
        self, topic: str, key: Any, serialized_key: bytes | None, value: Any, serialized_value: Any, cluster: Any
    ) -> int:
        """Return the partition for a record."""
        if serialized_key is None:
            return int(super().partition(topic, key, serialized_key, value, serialized_value, cluster))
        every = sorted(cluster.partitions_for_topic(topic))
        return int(every[_hash(serialized_key) % len(every)])


def producer_options(settings: KafkaSettings, client: str) -> dict[str, Any]:
    """Return the options common to every producer: all replicas, idempotent, batches that suit one in flight."""
    return connection(settings) | {
        "client_id": client,
        "metrics_enabled": False,
        "acks": "all",
        "enable_idempotence": True,
        "compression_type": "lz4",
        "batch_size": 524_288,
        "partitioner": ByKey(),
        "linger_ms": 5,
        "request_timeout_ms": 10_000,
        "max_request_size": 11 * 1024 * 1024,
        "allow_auto_create_topics": False,
    }


class Publisher:
    """Publishes in order and waits for the acknowledgements, for ever if need be."""

    def __init__(self, settings: KafkaSettings, client: str) -> None:
        self._settings = settings
        self._client = client
        self._producer: KafkaProducer | None = None

    def publish(
        self,
        records: Sequence[Outgoing],
        *,
        meanwhile: Callable[[], None] = _nothing,
        halfway: Callable[[], None] | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Publish the records in their order and return when all are acknowledged.

        After a failure it goes on from the first record that was not acknowledged, so a record may be there twice but
        none is missing and none overtakes another of its key.

        Args:
            records: what to publish.
            meanwhile: called every second or two while waiting, to stay in the consumer group.
            halfway: called once when half of them are acknowledged, where a fault test may end the process; None:
                they need not be sent in two halves.
            stopped: whether the service has been told to stop, so waiting makes no more sense.

        Raises:
            Retryable: told to stop before the broker acknowledged everything.

        """
        done, failures, middle = 0, 0, len(records) // 2 if halfway is not None else 0
        while done < len(records):
            if halfway is not None and done == middle:
                halfway()
            chunk = records[done : min(done + CHUNK, middle if done < middle else len(records))]
            try:
                self._send(chunk, meanwhile, stopped)
                done += len(chunk)
                failures = 0
            except _Unacknowledged as failure:
                done += failure.acknowledged
                failures += 1
                log.warning("publish_failed", error=type(failure.__cause__).__name__, remaining=len(records) - done)
                self._drop()
                _pause(min(0.1 * 2**failures, 5.0), meanwhile)

    def _send(self, chunk: Sequence[Outgoing], meanwhile: Callable[[], None], stopped: Callable[[], bool]) -> None:
        acknowledged = 0
        try:
            producer = self._connected()
            futures = [
                producer.send(each.topic, key=each.key, value=each.value, headers=each.headers) for each in chunk
            ]
            with suppress(KafkaTimeoutError):
                producer.flush(timeout=WAIT)
            for future in futures:
                while not future.is_done:
                    try:
                        future.get(timeout=WAIT)
                    except KafkaError:
                        if future.is_done:
                            raise
                        meanwhile()
                        if stopped():
                            raise Retryable("stopped while the broker was away") from None
                future.get(timeout=WAIT)
                acknowledged += 1
        except (KafkaError, OSError) as error:
            if stopped():
                raise Retryable("stopped while the broker was away") from error
            raise _Unacknowledged(acknowledged) from error

    def _connected(self) -> KafkaProducer:
        if self._producer is None:
            self._producer = KafkaProducer(
                **producer_options(self._settings, self._client) | {"linger_ms": GATHER_MS},
                delivery_timeout_ms=LONG,
                max_block_ms=5_000,
            )
        return self._producer

    def _drop(self) -> None:
        """Give up a producer whose state is unknown: the next one begins anew, after what was acknowledged."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=1)

    def close(self) -> None:
        """Disconnect."""
        self._drop()


class _Unacknowledged(Exception):
    """Sending stopped after so many acknowledgements."""

    def __init__(self, acknowledged: int) -> None:
        super().__init__(acknowledged)
        self.acknowledged = acknowledged


def _pause(seconds: float, meanwhile: Callable[[], None]) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, WAIT))
        meanwhile()
