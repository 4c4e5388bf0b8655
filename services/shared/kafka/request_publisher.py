"""Publishes on behalf of a waiting caller: acknowledged within a few seconds, or an error (DESIGN 3)."""

import asyncio
from collections.abc import Sequence

from aiokafka.errors import KafkaError

from services.shared.kafka.kafka_errors import configuration_error
from services.shared.kafka.producer import Producer, Unacknowledged
from services.shared.kafka.records import Outgoing
from services.shared.kafka.rejected_records import RejectedRecord, Unpublishable, publish_or_reject
from services.shared.observability import logs
from services.shared.runtime.errors import Retryable
from services.shared.runtime.event_loop_thread import EventLoopThread
from services.shared.runtime.settings import KafkaSettings

CONNECT_RETRY = 0.5
"""Seconds between two attempts to reach the broker at startup."""
SLICE = 1000
"""Records of one request in flight at once; the next are sent when these are acknowledged."""


log = logs.get(__name__)


class RequestPublisher:
    """A producer for request and response. A record that was given up on may still arrive later, under the same id.

    At most `max_in_flight` records of all requests together are in flight. A request may hold any number of records: it
    is sent in slices, and reserves the room of one slice for as long as it takes, so a large request is never refused
    for its size.
    """

    def __init__(self, settings: KafkaSettings, client: str, *, timeout: float, max_in_flight: int) -> None:
        # Each record stands alone here, so order and gaps do not matter, and a producer that is not idempotent
        # recovers at once when the broker is back.
        self._producer = Producer(settings, client, idempotent=False, request_timeout_ms=int(timeout * 750))
        self._background = EventLoopThread(client)
        self._client = client
        self._timeout = timeout
        self._max_in_flight = max_in_flight
        self._slice = min(SLICE, max_in_flight)
        self._in_flight = 0
        self.connected = False
        """Whether the broker was reached since the start."""

    def start(self) -> None:
        """Start to connect in the background."""
        self._background.run(self._connect())

    async def _connect(self) -> None:
        while not self.connected:
            try:
                await self._producer.connect()
            except KafkaError as error:
                log.warning("broker_unavailable", error=type(error).__name__)
                await asyncio.sleep(CONNECT_RETRY)
            else:
                self.connected = True

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Publish and return when all records are acknowledged; the timeout counts for each slice.

        Raises:
            Retryable: the broker did not acknowledge in time, or too many records are in flight already.
            ConfigurationError: the broker takes nothing from this client before a person mends something.
            Unpublishable: the broker will never take some of the records; the others are acknowledged.

        """
        if not self.connected:
            raise Retryable("the broker has not been reached yet")
        reserved = min(len(records), self._slice)
        if self._in_flight + reserved > self._max_in_flight:
            raise Retryable("too many requests wait for the broker")
        self._in_flight += reserved
        try:
            rejected: list[RejectedRecord] = []
            for begin in range(0, len(records), self._slice):
                rejected += await self._publish_slice(records[begin : begin + self._slice])
        finally:
            self._in_flight -= reserved
        if rejected:
            raise Unpublishable(rejected)

    async def _publish_slice(self, records: Sequence[Outgoing]) -> list[RejectedRecord]:
        sending = self._background.run(publish_or_reject(self._producer, records))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(sending), self._timeout)
        except TimeoutError as error:
            raise Retryable("the broker did not acknowledge in time") from error
        except Unacknowledged as error:
            topics = [record.topic for record in error.records]
            misconfigured = configuration_error(error.__cause__, self._client, topics)
            if misconfigured is not None:
                raise misconfigured from error
            raise Retryable(f"the broker did not take the record ({error.reason})") from error

    def close(self) -> None:
        """Disconnect within a second, whatever is still unacknowledged."""
        self._background.run(self._producer.close()).result()
        self._background.close()
