"""Publishing for somebody who waits for an answer: acknowledged within a few seconds, or an error (DESIGN 3)."""

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from services.shared import logs
from services.shared.errors import Retryable
from services.shared.publisher import producer_options
from services.shared.records import Outgoing
from services.shared.settings import KafkaSettings

log = logs.get(__name__)

RETRY = 0.5
"""Seconds between two attempts to reach a broker that was never reached."""
SLICE = 1000
"""Records of one request that are on their way at once; the next are sent when these are acknowledged."""


class QuickPublisher:
    """A producer for request and response. What it gave up on may still arrive, under the same id.

    At most `most` records are on their way, of all requests together. A request may hold any number: it goes in slices,
    and from the first on it has its room, so a large one is never refused for its size.
    """

    def __init__(self, settings: KafkaSettings, client: str, *, within: float, most: int) -> None:
        self._settings = settings
        self._client = client
        self._within = within
        self._most = most
        self._slice = min(SLICE, most)
        self._in_flight = 0
        self._producer: KafkaProducer | None = None
        self._stopping = threading.Event()
        self._senders = ThreadPoolExecutor(max_workers=8, thread_name_prefix="publish")
        self._connecting = threading.Thread(target=self._connect, name="connect", daemon=True)

    def start(self) -> None:
        """Begin to connect, in the background."""
        self._connecting.start()

    @property
    def connected(self) -> bool:
        """Whether the broker was reached since the start."""
        return self._producer is not None

    def _connect(self) -> None:
        options = producer_options(self._settings, self._client) | {
            # Each record stands for itself here, so order and gaps do not matter, and a producer without a sequence
            # forgets a broker's absence at once.
            "enable_idempotence": False,
            "request_timeout_ms": int(self._within * 750),
            "delivery_timeout_ms": int(self._within * 1000),
            "max_block_ms": int(self._within * 500),
        }
        while not self._stopping.is_set():
            try:
                self._producer = KafkaProducer(**options)
            except KafkaError as error:
                log.warning("broker_away", error=type(error).__name__)
                self._stopping.wait(RETRY)
            else:
                return

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Publish and return when all are acknowledged, each slice within the time that the broker is given.

        Raises:
            Retryable: the broker did not acknowledge in time, or too many wait already.

        """
        producer = self._producer
        if producer is None:
            raise Retryable("the broker has not been reached yet")
        room = min(len(records), self._slice)
        if self._in_flight + room > self._most:
            raise Retryable("too many requests wait for the broker")
        self._in_flight += room
        try:
            for begin in range(0, len(records), self._slice):
                await self._publish(producer, records[begin : begin + self._slice])
        finally:
            self._in_flight -= room

    async def _publish(self, producer: KafkaProducer, records: Sequence[Outgoing]) -> None:
        loop = asyncio.get_running_loop()
        waiting = _Waiting(loop, len(records))
        until = time.monotonic() + self._within
        try:
            await loop.run_in_executor(self._senders, self._send, producer, records, waiting, until)
            await asyncio.wait_for(asyncio.shield(waiting.done), max(until - time.monotonic(), 0.05))
        except TimeoutError as error:
            raise Retryable("the broker did not acknowledge in time") from error
        except KafkaError as error:
            raise Retryable(f"the broker did not take the record ({type(error).__name__})") from error

    @staticmethod
    def _send(producer: KafkaProducer, records: Sequence[Outgoing], waiting: "_Waiting", until: float) -> None:
        for each in records:
            if time.monotonic() > until:
                raise TimeoutError
            future = producer.send(each.topic, key=each.key, value=each.value, headers=each.headers)
            future.add_callback(waiting.acknowledged)
            future.add_errback(waiting.failed)

    def close(self) -> None:
        """Disconnect, after what was sent is acknowledged or given up."""
        self._stopping.set()
        self._senders.shutdown(wait=False, cancel_futures=True)
        if self._producer is not None:
            self._producer.close(timeout=self._within)


class _Waiting:
    """Counts acknowledgements, which come in the producer's thread, for a coroutine that waits for all of them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int) -> None:
        self.done: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._left = count
        if count == 0:
            self.done.set_result(None)

    def acknowledged(self, _: Any) -> None:
        self._loop.call_soon_threadsafe(self._one_less)

    def failed(self, error: BaseException) -> None:
        self._loop.call_soon_threadsafe(self._fail, error)

    def _one_less(self) -> None:
        self._left -= 1
        if self._left == 0 and not self.done.done():
            self.done.set_result(None)

    def _fail(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)
            # Nobody may be waiting any more; asyncio would complain about an error that nobody looks at.
            self.done.exception()
