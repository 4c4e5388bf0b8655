"""Publishing for somebody who waits for an answer: acknowledged within a few seconds, or an error (DESIGN 3)."""

import asyncio
from collections.abc import Sequence

from aiokafka.errors import KafkaError

from services.shared.kafka.producer import Producer, Unacknowledged
from services.shared.kafka.records import Outgoing
from services.shared.observability import logs
from services.shared.runtime.errors import Retryable
from services.shared.runtime.event_loop_thread import EventLoopThread
from services.shared.runtime.settings import KafkaSettings

log = logs.get(__name__)

RETRY = 0.5
"""Seconds between two attempts to reach a broker that was never reached."""
SLICE = 1000
"""Records of one request that are on their way at once; the next are sent when these are acknowledged."""


class RequestPublisher:
    """A producer for request and response. What it gave up on may still arrive, under the same id.

    At most `most` records are on their way, of all requests together. A request may hold any number: it goes in slices,
    and from the first on it has its room, so a large one is never refused for its size.
    """

    def __init__(self, settings: KafkaSettings, client: str, *, within: float, most: int) -> None:
        # Each record stands for itself here, so order and gaps do not matter, and a producer without a sequence
        # forgets a broker's absence at once.
        self._producer = Producer(settings, client, idempotent=False, request_timeout_ms=int(within * 750))
        self._background = EventLoopThread(client)
        self._within = within
        self._most = most
        self._slice = min(SLICE, most)
        self._in_flight = 0
        self.connected = False
        """Whether the broker was reached since the start."""

    def start(self) -> None:
        """Begin to connect, in the background."""
        self._background.run(self._connect())

    async def _connect(self) -> None:
        while not self.connected:
            try:
                await self._producer.connect()
            except KafkaError as error:
                log.warning("broker_away", error=type(error).__name__)
                await asyncio.sleep(RETRY)
            else:
                self.connected = True

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Publish and return when all are acknowledged, each slice within the time that the broker is given.

        Raises:
            Retryable: the broker did not acknowledge in time, or too many wait already.

        """
        if not self.connected:
            raise Retryable("the broker has not been reached yet")
        room = min(len(records), self._slice)
        if self._in_flight + room > self._most:
            raise Retryable("too many requests wait for the broker")
        self._in_flight += room
        try:
            for begin in range(0, len(records), self._slice):
                await self._publish(records[begin : begin + self._slice])
        finally:
            self._in_flight -= room

    async def _publish(self, records: Sequence[Outgoing]) -> None:
        sending = self._background.run(self._producer.publish(records))
        try:
            await asyncio.wait_for(asyncio.wrap_future(sending), self._within)
        except TimeoutError as error:
            raise Retryable("the broker did not acknowledge in time") from error
        except Unacknowledged as error:
            raise Retryable(f"the broker did not take the record ({error.reason})") from error

    def close(self) -> None:
        """Disconnect; what is still on its way is given up after a second."""
        self._background.run(self._producer.close()).result()
        self._background.close()
