"""Finds the records that the broker will never take, publishes their neighbours, and makes them dead letters."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.shared.kafka import dead_letters
from services.shared.kafka.kafka_errors import record_error
from services.shared.kafka.producer import Producer, Unacknowledged
from services.shared.kafka.records import Outgoing
from services.shared.observability import logs
from services.shared.observability.metrics import publisher_metrics
from services.shared.runtime.errors import DubanError

LOGGED = frozenset({"ce_id", "ce_subject", "dl_id", "dl_topic"})
"""Headers that tell in the log which record was rejected: ids, nothing personal."""

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A record that the broker will never take.

    Attributes:
        record: the record, the same object that was to be published.
        reason: one of `schemas.dead_letter.DeadLetterReason`.
        message: topic, cause and size, for a person.

    """

    record: Outgoing
    reason: str
    message: str

    @classmethod
    def from_failure(cls, failure: Unacknowledged) -> "RejectedRecord":
        """Return the first record of a failure that was rejected when it was alone."""
        record = failure.records[0]
        reason, why = record_error(failure.__cause__)
        size = len(record.value or b"")
        return cls(record, reason, f"{record.topic}: {why} ({failure.reason}, {size} bytes)")


class Unpublishable(DubanError):
    """The broker will never take some of the records; the others are published.

    Attributes:
        rejected: those records, at least one.

    """

    def __init__(self, rejected: Sequence[RejectedRecord]) -> None:
        super().__init__(f"{rejected[0].message}: the broker will never take it")
        self.rejected = tuple(rejected)


async def publish_or_reject(producer: Producer, records: Sequence[Outgoing]) -> list[RejectedRecord]:
    """Publish what the broker takes and return what it never will; a refused batch is halved until a record is alone.

    Raises:
        Unacknowledged: the broker did not acknowledge for a reason that passes; the same call may succeed later.

    """
    rejected: list[RejectedRecord] = []
    remaining = records
    while remaining:
        try:
            await producer.publish(remaining)
            break
        except Unacknowledged as failure:
            if not failure.rejected:
                raise
            batch, remaining = failure.records[: failure.rejected], failure.records[failure.rejected :]
            if len(batch) == 1:
                rejected.append(RejectedRecord.from_failure(failure))
                continue
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            rejected += await publish_or_reject(producer, half)
    return rejected


def dead_letter_of(rejected: RejectedRecord, service: str) -> Outgoing | None:
    """Log and count a rejected record and return its dead letter; a dead letter that is rejected is shortened.

    Args:
        rejected: the record.
        service: that wanted to publish it.

    Returns:
        None for a dead letter that was shortened already: it is logged as lost.

    """
    record = rejected.record
    ids = {name: value.decode(errors="replace") for name, value in record.headers if name in LOGGED}
    if record.topic != dead_letters.TOPIC:
        log.error("unpublishable", topic=record.topic, reason=rejected.reason, message=rejected.message, **ids)
        publisher_metrics().unpublishable.labels(service, record.topic, rejected.reason).inc()
        return dead_letters.unpublished_record(record, service, rejected.reason, rejected.message)
    if not any(name == "dl_truncated" for name, _ in record.headers):
        return dead_letters.truncated(record)
    log.error("dead_letter_lost", message=rejected.message, **ids)
    return None
