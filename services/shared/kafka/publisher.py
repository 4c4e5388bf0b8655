"""A blocking publisher for threads: a record counts as published only when the broker has acknowledged it."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from aiokafka.errors import UnknownTopicOrPartitionError

from services.shared.kafka.kafka_errors import (
    MAX_UNKNOWN_TOPIC,
    configuration_error,
    missing_topic,
)
from services.shared.kafka.producer import Producer, Unacknowledged
from services.shared.kafka.records import Outgoing
from services.shared.kafka.rejected_records import RejectedRecord, Unpublishable, dead_letter_of
from services.shared.observability import logs
from services.shared.runtime.errors import Retryable
from services.shared.runtime.event_loop_thread import EventLoopThread
from services.shared.runtime.settings import KafkaSettings

CHUNK = 500
"""Records in flight at once."""
CHUNK_BYTES = 16 * 1024 * 1024
"""Bytes in flight at once, unless a single record is larger: a broker refuses a request of 100 MB."""
WAIT = 1.0
"""Seconds between two calls of `while_waiting`."""
MAX_PAUSE = 2.0
"""Seconds between two attempts at most."""
WAITS_UNTIL_REPORTED = 3
"""Waits after which records count as waiting for the broker."""

log = logs.get(__name__)


def _nothing() -> None:
    """Do nothing while waiting."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What the caller does while it waits, and when it waits no more."""

    call: Callable[[], None]
    should_stop: Callable[[], bool]


class Publisher:
    """Publishes records in order and waits for the acknowledgements, for as long as the broker is unavailable.

    A record that the broker will never take becomes a dead letter, and what is behind it goes on (DESIGN 3).

    Args:
        settings: how to reach the broker.
        client: name of this client in the broker's logs.
        service: that publishes, for dead letters; None: there are none, and such a record is an error.
        on_waiting: called with a sentence when records wait for the broker, and with None when they do not any more.

    """

    def __init__(
        self,
        settings: KafkaSettings,
        client: str,
        *,
        service: str | None = None,
        on_waiting: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        self._producer = Producer(settings, client, idempotent=True)
        self._background = EventLoopThread("publisher")
        self._client = client
        self._service = service
        self._on_waiting = on_waiting
        self._reported: str | None = None

    def publish(
        self,
        records: Sequence[Outgoing],
        *,
        while_waiting: Callable[[], None] = _nothing,
        halfway: Callable[[], None] | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Publish the records in their order and return when all are acknowledged.

        After a failure it retries what was not acknowledged: a record may be published twice, but none is missing and
        none overtakes another of its key.

        Args:
            records: what to publish.
            while_waiting: called every second or two while waiting, to stay in the consumer group.
            halfway: called once half of them are acknowledged, where a fault test may kill the process; None: they
                need not be sent in two halves.
            should_stop: whether the service is stopping, so that waiting makes no more sense.

        Raises:
            Retryable: the service is stopping before the broker acknowledged everything.
            ConfigurationError: the broker will not take any record from this client before a person mends something.
            Unpublishable: the broker will never take one of the records, and this publisher makes no dead letters.

        """
        waiting = _Waiting(while_waiting, should_stop)
        middle = len(records) // 2 if halfway is not None else 0
        if halfway is not None:
            self._publish_all(records[:middle], waiting)
            halfway()
        self._publish_all(records[middle:], waiting)

    def _publish_all(self, records: Sequence[Outgoing], waiting: "_Waiting") -> None:
        done = 0
        while done < len(records):
            chunk = _next_chunk(records, done)
            done += len(chunk)
            self._publish_chunk(chunk, waiting)

    def _publish_chunk(self, chunk: Sequence[Outgoing], waiting: "_Waiting") -> None:
        failures = unknown = 0
        while chunk:
            try:
                self._send(chunk, waiting)
                break
            except Unacknowledged as failure:
                if waiting.should_stop():
                    raise Retryable("stopped while the broker was unavailable") from failure
                chunk = failure.records[failure.rejected :]
                if failure.rejected:
                    self._take_apart(failure.records[: failure.rejected], failure, waiting)
                    continue
                failures += 1
                unknown = unknown + 1 if isinstance(failure.__cause__, UnknownTopicOrPartitionError) else 0
                self._check_configuration(failure, unknown)
                self._report(f"the broker does not take records ({failure.reason})")
                log.warning("publish_failed", error=failure.reason, remaining=len(chunk))
                _pause(min(0.1 * 2**failures, MAX_PAUSE), waiting.call)

    def _take_apart(self, batch: Sequence[Outgoing], failure: Unacknowledged, waiting: "_Waiting") -> None:
        """Publish a batch that the broker refuses for what it holds: in halves, until the record is alone."""
        if len(batch) > 1:
            middle = len(batch) // 2
            self._publish_chunk(batch[:middle], waiting)
            self._publish_chunk(batch[middle:], waiting)
            return
        rejected = RejectedRecord.from_failure(failure)
        if self._service is None:
            raise Unpublishable([rejected]) from failure
        letter = dead_letter_of(rejected, self._service)
        if letter is not None:
            self._publish_chunk([letter], waiting)

    def _check_configuration(self, failure: Unacknowledged, unknown: int) -> None:
        """Stop the service for what only a person can mend; `unknown` counts the answers that a topic is missing."""
        topics = [record.topic for record in failure.records]
        error = configuration_error(failure.__cause__, self._client, topics)
        if unknown >= MAX_UNKNOWN_TOPIC:
            error = missing_topic(self._client, topics)
        if error is not None:
            raise error from failure

    def _send(self, chunk: Sequence[Outgoing], waiting: "_Waiting") -> None:
        sending = self._background.run(self._producer.publish(chunk))
        waits = 0
        while not _wait_for(sending):
            waits += 1
            if waits == WAITS_UNTIL_REPORTED:
                self._report("the broker does not acknowledge records")
            waiting.call()
            if waiting.should_stop():
                sending.cancel()
                raise Retryable("stopped while the broker was unavailable")
        sending.result()
        self._report(None)

    def _report(self, reason: str | None) -> None:
        if reason != self._reported:
            self._reported = reason
            self._on_waiting(reason)

    def close(self) -> None:
        """Disconnect."""
        self._background.run(self._producer.close()).result()
        self._background.close()


def _next_chunk(records: Sequence[Outgoing], first: int) -> Sequence[Outgoing]:
    """Return the records from an index on that may be in flight together, at least one."""
    size, last = 0, first
    while last < min(first + CHUNK, len(records)) and (last == first or size < CHUNK_BYTES):
        size += len(records[last].value or b"")
        last += 1
    return records[first:last]


def _wait_for(sending: "Future[None]") -> bool:
    """Wait for up to a second; returns whether the send has ended, with or without an error."""
    try:
        sending.exception(timeout=WAIT)
    except TimeoutError:
        return sending.done()
    return True


def _pause(seconds: float, while_waiting: Callable[[], None]) -> None:
    until = time.monotonic() + seconds
    while (remaining := until - time.monotonic()) > 0:
        time.sleep(min(remaining, WAIT))
        while_waiting()
