"""Publishing: a record counts as published only when the broker has acknowledged it."""

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
"""Records on their way at once."""
CHUNK_BYTES = 16 * 1024 * 1024
"""Bytes on their way at once, if it is more than one record: a broker refuses a request of 100 MB."""
WAIT = 1.0
"""Seconds between two signs of life while waiting for the broker."""

log = logs.get(__name__)


def _nothing() -> None:
    """Do nothing while waiting."""


class Publisher:
    """Publishes in order and waits for the acknowledgements, for ever if need be."""

    def __init__(self, settings: KafkaSettings, client: str) -> None:
        self._producer = Producer(settings, client, idempotent=True)
        self._background = EventLoopThread("publisher")

    def publish(
        self,
        records: Sequence[Outgoing],
        *,
        meanwhile: Callable[[], None] = _nothing,
        halfway: Callable[[], None] | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Publish the records in their order and return when all are acknowledged.

        After a failure it goes on with what was not acknowledged, so a record may be there twice but none is missing
        and none overtakes another of its key.

        Args:
            records: what to publish.
            meanwhile: called every second or two while waiting, to stay in the consumer group.
            halfway: called once when half of them are acknowledged, where a fault test may end the process; None:
                they need not be sent in two halves.
            stopped: whether the service has been told to stop, so waiting makes no more sense.

        Raises:
            Retryable: told to stop before the broker acknowledged everything.

        """
        middle = len(records) // 2 if halfway is not None else 0
        if halfway is not None:
            self._all(records[:middle], meanwhile, stopped)
            halfway()
        self._all(records[middle:], meanwhile, stopped)

    def _all(self, records: Sequence[Outgoing], meanwhile: Callable[[], None], stopped: Callable[[], bool]) -> None:
        done = 0
        while done < len(records):
            chunk = _chunk(records, done)
            done += len(chunk)
            failures = 0
            while chunk:
                try:
                    self._send(chunk, meanwhile, stopped)
                    break
                except Unacknowledged as failure:
                    if stopped():
                        raise Retryable("stopped while the broker was away") from failure
                    chunk = failure.records
                    failures += 1
                    left = len(chunk) + len(records) - done
                    log.warning("publish_failed", error=failure.reason, remaining=left)
                    _pause(min(0.1 * 2**failures, 5.0), meanwhile)

    def _send(self, chunk: Sequence[Outgoing], meanwhile: Callable[[], None], stopped: Callable[[], bool]) -> None:
        sending = self._background.run(self._producer.publish(chunk))
        while not _ended(sending):
            meanwhile()
            if stopped():
                sending.cancel()
                raise Retryable("stopped while the broker was away")
        sending.result()

    def close(self) -> None:
        """Disconnect."""
        self._background.run(self._producer.close()).result()
        self._background.close()


def _chunk(records: Sequence[Outgoing], first: int) -> Sequence[Outgoing]:
    """Return the records from one on that may be on their way together, one at the least."""
    size, last = 0, first
    while last < min(first + CHUNK, len(records)) and (last == first or size < CHUNK_BYTES):
        size += len(records[last].value or b"")
        last += 1
    return records[first:last]


def _ended(sending: "Future[None]") -> bool:
    """Wait a while; returns whether it is over, well or not."""
    try:
        sending.exception(timeout=WAIT)
    except TimeoutError:
        return sending.done()
    return True


def _pause(seconds: float, meanwhile: Callable[[], None]) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, WAIT))
        meanwhile()
