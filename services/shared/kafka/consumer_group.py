"""A member of a consumer group: polls, stays in the group while it cannot, seeks, commits (DESIGN 3)."""

from collections.abc import Callable, Sequence
from typing import cast

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import CommitFailedError, FencedInstanceIdError, KafkaError
from kafka.structs import OffsetAndMetadata

from services.shared.kafka.connection import connection
from services.shared.kafka.records import Incoming
from services.shared.observability import logs
from services.shared.runtime.errors import Retryable
from services.shared.runtime.settings import Settings

POLL_SECONDS = 0.5
POSITION_MS = 500
"""Milliseconds to find out where a partition stands that has just come back."""

log = logs.get(__name__)


class AssignmentListener(ConsumerRebalanceListener):  # type: ignore[misc]  # the library has no types
    """Tells the service which partitions come and go."""

    def __init__(self) -> None:
        self.gained: Callable[[set[int]], None] = lambda _: None
        self.lost: Callable[[set[int]], None] = lambda _: None

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Pass on what was gained."""
        self.gained({each.partition for each in assigned})

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Pass on what was lost."""
        self.lost({each.partition for each in revoked})


class GroupMember:
    """One consumer under a stable name, so that a restart does not wait for a session timeout.

    Every method raises FencedInstanceIdError when another process runs under the same name: this one has to end.
    """

    def __init__(
        self, service: str, topics: Sequence[str], settings: Settings, assignments: AssignmentListener
    ) -> None:
        """Connect and join.

        Raises:
            Retryable: the broker is away.

        """
        session = settings.kafka.session_timeout_ms
        options = connection(settings.kafka) | {
            "group_id": f"duban-{service}",
            "group_instance_id": settings.instance or f"{service}-0",
            "client_id": service,
            "metrics_enabled": False,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "session_timeout_ms": session,
            "heartbeat_interval_ms": min(3_000, session // 3),
            "max_poll_records": settings.batch_size,
            "max_partition_fetch_bytes": 2 * 1024 * 1024,
            "fetch_max_wait_ms": 250,
            "allow_auto_create_topics": False,
        }
        try:
            self._consumer = KafkaConsumer(**options)
            self._consumer.subscribe(list(topics), listener=assignments)
        except KafkaError as error:
            raise Retryable(f"the broker is away ({type(error).__name__})") from error

    @property
    def assigned(self) -> bool:
        """Whether the group has given it partitions."""
        return bool(self._consumer.assignment())

    def poll(self) -> list[Incoming]:
        """Return the next records, in order within each partition; none after half a second without any.

        Raises:
            Retryable: the broker is away or a rebalance is under way; the client finds its way back by itself.

        """
        try:
            polled = self._consumer.poll(timeout_ms=int(POLL_SECONDS * 1000))
        except FencedInstanceIdError:
            raise
        except KafkaError as error:
            raise Retryable(f"the broker is away ({type(error).__name__})") from error
        return [Incoming.of(each) for part in polled.values() for each in part]

    def stay(self) -> None:
        """Stay in the group without taking new records."""
        self._consumer.pause(*self._consumer.assignment())
        try:
            stray = self._consumer.poll(timeout_ms=0)
        except FencedInstanceIdError:
            raise
        except KafkaError:
            return
        # A partition that came back in a rebalance is not paused any more, so the poll may have taken records.
        for where, taken in stray.items():
            self._consumer.seek(where, taken[0].offset)
        self._consumer.pause(*self._consumer.assignment())

    def resume(self) -> None:
        """Take records again."""
        self._consumer.resume(*self._consumer.paused())

    def rewind(self, records: Sequence[Incoming]) -> None:
        """Go back to the first of the records, so that they are polled again."""
        first: dict[tuple[str, int], int] = {}
        for each in records:
            first.setdefault((each.topic, each.partition), each.offset)
        self._seek(first)

    def finish(self, records: Sequence[Incoming]) -> None:
        """Go on behind the records and commit that they are done."""
        behind = {(each.topic, each.partition): each.offset + 1 for each in records}
        self.resume()
        self._seek(behind)
        offsets = {TopicPartition(*where): OffsetAndMetadata(offset, "", -1) for where, offset in behind.items()}
        try:
            self._consumer.commit(offsets, timeout_ms=10_000)
        except FencedInstanceIdError:
            raise
        except CommitFailedError:
            # Another member owns the partitions now and reads the batch again: stable ids make that harmless.
            log.warning("commit_lost", records=len(records))
        except KafkaError as error:
            # A later commit covers this one; a crash before it repeats the batch under the same ids.
            log.warning("commit_failed", error=type(error).__name__)

    def owns(self, records: Sequence[Incoming]) -> bool:
        """Whether all of the records are still this member's to handle."""
        owned = self._consumer.assignment()
        return all(TopicPartition(each.topic, each.partition) in owned for each in records)

    def _seek(self, offsets: dict[tuple[str, int], int]) -> None:
        owned = self._consumer.assignment()
        for (topic, partition), offset in offsets.items():
            where = TopicPartition(topic, partition)
            # A seek throws away what was fetched ahead, so it is for those alone that do not stand there already.
            if where in owned and self._position(where) != offset:
                self._consumer.seek(where, offset)

    def _position(self, where: TopicPartition) -> int | None:
        """Return what is polled next; None while that is not known, as after a rebalance."""
        try:
            return cast("int | None", self._consumer.position(where, timeout_ms=POSITION_MS))
        except FencedInstanceIdError:
            raise
        except KafkaError:
            return None

    def close(self) -> None:
        """Leave the group, so that the partitions are given away at once."""
        self._consumer.close(timeout_ms=3_000)
