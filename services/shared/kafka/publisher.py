"""A blocking publisher for threads: a record counts as published only when the broker has acknowledged it."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from services.shared.kafka.producer import Producer, Unacknowledged
from services.shared.kafka.records import Outgoing
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

log = logs.get(__name__)


def _nothing() -> None:
    """Do nothing while waiting."""


class Publisher:
    """Publishes records in order and waits for the acknowledgements, for as long as the broker is unavailable."""

    def __init__(self, settings: KafkaSettings, client: str) -> None:
        self._producer = Producer(settings, client, idempotent=True)
        self._background = EventLoopThread("publisher")

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

        """
        middle = len(records) // 2 if halfway is not None else 0
        if halfway is not None:
            self._publish_all(records[:middle], while_waiting, should_stop)
            halfway()
        self._publish_all(records[middle:], while_waiting, should_stop)

    def _publish_all(
        self, records: Sequence[Outgoing], while_waiting: Callable[[], None], should_stop: Callable[[], bool]
    ) -> None:
        done = 0
        while done < len(records):
            chunk = _next_chunk(records, done)
            done += len(chunk)
            failures = 0
            while chunk:
                try:
                    self._send(chunk, while_waiting, should_stop)
                    break
                except Unacknowledged as failure:
                    if should_stop():
                        raise Retryable("stopped while the broker was unavailable") from failure
                    chunk = failure.records
                    failures += 1
                    remaining = len(chunk) + len(records) - done
                    log.warning("publish_failed", error=failure.reason, remaining=remaining)
                    _pause(min(0.1 * 2**failures, 5.0), while_waiting)

    def _send(
        self, chunk: Sequence[Outgoing], while_waiting: Callable[[], None], should_stop: Callable[[], bool]
    ) -> None:
        sending = self._background.run(self._producer.publish(chunk))
        while not _wait_for(sending):
            while_waiting()
            if should_stop():
                sending.cancel()
                raise Retryable("stopped while the broker was unavailable")
        sending.result()

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
