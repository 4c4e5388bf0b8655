"""A static member of a Kafka consumer group: polls, keeps its membership while it works, seeks, commits (DESIGN 3)."""

import time
from collections.abc import Callable, Sequence
from typing import cast

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.coordinator.base import MemberState
from kafka.errors import CommitFailedError, FencedInstanceIdError, KafkaError
from kafka.structs import OffsetAndMetadata

from services.shared.kafka.connection import client_options
from services.shared.kafka.kafka_errors import reading_error
from services.shared.kafka.records import Incoming
from services.shared.observability import logs
from services.shared.runtime.errors import DubanError, Retryable
from services.shared.runtime.instance import instance_name
from services.shared.runtime.settings import Settings

POLL_SECONDS = 0.5
REJOIN_SECONDS = 0.5
"""How long one poll waits to join the group again: the client drops an answer that comes between two polls."""
POSITION_TIMEOUT_MS = 500
"""Milliseconds to look up the position of a partition that a rebalance has just brought back."""
COMMIT_TIMEOUT_MS = 10_000
CLOSE_TIMEOUT_MS = 3_000

log = logs.get(__name__)


class MissingTopics(Retryable):
    """The broker shows some of the topics not at all.

    Attributes:
        topics: their names.

    """

    def __init__(self, topics: set[str]) -> None:
        super().__init__(f"the broker knows no topic {', '.join(sorted(topics))}")
        self.topics = topics


class AssignmentListener(ConsumerRebalanceListener):  # type: ignore[misc]  # the library has no types
    """Calls the service's hooks with partition numbers when a rebalance assigns or revokes partitions."""

    def __init__(self) -> None:
        self.on_assigned: Callable[[set[int]], None] = lambda _: None
        self.on_revoked: Callable[[set[int]], None] = lambda _: None

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Call `on_assigned`; part of the client's listener interface."""
        self.on_assigned({each.partition for each in assigned})

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Call `on_revoked`; part of the client's listener interface."""
        self.on_revoked({each.partition for each in revoked})


class GroupMember:
    """One consumer under a stable instance id, so that a restart does not wait for a session timeout.

    It knows that it owns its partitions as of its last poll but one. A process that was frozen since then, or cut off,
    may have lost them without noticing, so that knowledge has an age.

    Every method raises FencedInstanceIdError when another process runs under the same id: this process has to end.
    """

    def __init__(
        self,
        service: str,
        topics: Sequence[str],
        settings: Settings,
        assignments: AssignmentListener,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect and join the group `duban-<service>`.

        Raises:
            MissingTopics: the broker shows no such topics; it may be starting still.
            Retryable: the broker is unavailable.
            ConfigurationError: only a person can mend why the broker does not let it in.

        """
        session = settings.kafka.session_timeout_ms
        options = client_options(settings.kafka) | {
            "group_id": f"duban-{service}",
            "group_instance_id": instance_name(service, settings),
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
        self._name = service
        self._topics = list(topics)
        self._session = session / 1_000
        self._monotonic = monotonic
        self._polled_at = self._confirmed_at = monotonic()
        try:
            self._consumer = KafkaConsumer(**options)
        except KafkaError as error:
            raise self._sort(error) from error
        try:
            missing = set(topics) - self._consumer.topics()
            self._consumer.subscribe(list(topics), listener=assignments)
        except KafkaError as error:
            self._consumer.close(timeout_ms=CLOSE_TIMEOUT_MS)
            raise self._sort(error) from error
        if missing:
            self._consumer.close(timeout_ms=CLOSE_TIMEOUT_MS)
            raise MissingTopics(missing)

    def _sort(self, error: KafkaError) -> DubanError:
        """Return what an error of the client means: a person has to mend something, or it passes."""
        unavailable = Retryable(f"the broker is unavailable ({type(error).__name__})")
        return reading_error(error, self._name, self._topics) or unavailable

    @property
    def joined(self) -> bool:
        """Whether it is in its group and no rebalance is in progress, as far as it knows."""
        return bool(self._consumer.group_metadata().state is MemberState.STABLE)

    @property
    def partitions(self) -> set[TopicPartition]:
        """Its partitions; a member may have none, when there are more members than partitions."""
        return set(self._consumer.assignment())

    def lag(self) -> dict[str, int]:
        """Return how many records of its partitions it has not polled, by topic, as far as the broker has told."""
        lags: dict[str, int] = {}
        for partition in self.partitions:
            end, position = self._consumer.highwater(partition), self._position(partition)
            behind = max(end - position, 0) if end is not None and position is not None else 0
            lags[partition.topic] = lags.get(partition.topic, 0) + behind
        return lags

    def poll(self) -> list[Incoming]:
        """Return the next records, in order within each partition; an empty list after half a second without any.

        Raises:
            Retryable: the broker is unavailable or a rebalance is in progress; the client recovers by itself.
            ConfigurationError: only a person can mend why the topics cannot be read.

        """
        # What is returned may have been fetched before this poll, so that it proves nothing about the membership now.
        self._confirmed_at, self._polled_at = self._polled_at, self._monotonic()
        try:
            polled = self._consumer.poll(timeout_ms=int(POLL_SECONDS * 1000))
        except FencedInstanceIdError:
            raise
        except KafkaError as error:
            raise self._sort(error) from error
        return [Incoming.from_client(record) for records in polled.values() for record in records]

    def keep_alive(self) -> None:
        """Stay in the group without taking new records: pauses the partitions until `resume`."""
        self._consumer.pause(*self._consumer.assignment())
        try:
            polled = self._consumer.poll(timeout_ms=0 if self.joined else int(REJOIN_SECONDS * 1000))
        except FencedInstanceIdError:
            raise
        except KafkaError:
            return
        # A partition that came back in a rebalance is no longer paused, so the poll may have returned records.
        for partition, records in polled.items():
            self._consumer.seek(partition, records[0].offset)
        self._consumer.pause(*self._consumer.assignment())

    def resume(self) -> None:
        """Take records again from the partitions that `keep_alive` has paused."""
        self._consumer.resume(*self._consumer.paused())

    def rewind(self, records: Sequence[Incoming]) -> None:
        """Seek back to the first of the records, so that they are polled again."""
        first: dict[tuple[str, int], int] = {}
        for record in records:
            first.setdefault((record.topic, record.partition), record.offset)
        self._seek(first)

    def commit(self, records: Sequence[Incoming]) -> bool:
        """Seek behind the records and commit their offsets.

        Returns:
            whether this member surely owned all their partitions until now; if not, the owner reads them again, which
            stable ids make harmless.

        """
        owned_all = self.owns(records)
        last = {(record.topic, record.partition): record for record in records}
        self.resume()
        self._seek({where: record.offset + 1 for where, record in last.items()})
        committed = self._commit({where: (record.offset + 1, record.leader_epoch) for where, record in last.items()})
        return committed and owned_all and self._monotonic() - self._confirmed_at <= self._session

    def _commit(self, offsets: dict[tuple[str, int], tuple[int, int]]) -> bool:
        """Commit offsets with their leader epochs, of partitions that it owns; returns whether the broker took them.

        Another member's offset must not move back.
        """
        owned = self._consumer.assignment()
        partitions = {TopicPartition(*where): content for where, content in offsets.items()}
        kept = {
            partition: OffsetAndMetadata(offset, "", epoch)
            for partition, (offset, epoch) in partitions.items()
            if partition in owned
        }
        if not kept:
            return False
        try:
            self._consumer.commit(kept, timeout_ms=COMMIT_TIMEOUT_MS)
        except FencedInstanceIdError:
            raise
        except CommitFailedError:
            # Another member owns the partitions now and reads the batch again: stable ids make that harmless.
            log.warning("commit_lost", partitions=len(kept))
        except KafkaError as error:
            # A later commit covers this one; a crash before it repeats the batch under the same ids.
            log.warning("commit_failed", error=type(error).__name__)
        else:
            return True
        return False

    def owns(self, records: Sequence[Incoming]) -> bool:
        """Whether the partitions of all the records are assigned to this member, as far as it knows."""
        owned = self._consumer.assignment()
        return all(TopicPartition(record.topic, record.partition) in owned for record in records)

    def still_owns(self, records: Sequence[Incoming]) -> bool:
        """Whether the partitions of all the records are this member's now; asks the broker when that is in doubt.

        To ask, it commits the offsets of the first records, which changes nothing: a member that has lost its place in
        the group is refused.
        """
        if not self.owns(records):
            return False
        if self._monotonic() - self._confirmed_at <= self._session / 2:
            return True
        asked_at = self._monotonic()
        first: dict[tuple[str, int], tuple[int, int]] = {}
        for record in records:
            first.setdefault((record.topic, record.partition), (record.offset, record.leader_epoch))
        if not self._commit(first):
            return False
        self._confirmed_at = asked_at
        return True

    def _seek(self, offsets: dict[tuple[str, int], int]) -> None:
        owned = self._consumer.assignment()
        for (topic, number), offset in offsets.items():
            partition = TopicPartition(topic, number)
            # A seek discards prefetched records, so it is only done where the position differs.
            if partition in owned and self._position(partition) != offset:
                self._consumer.seek(partition, offset)

    def _position(self, partition: TopicPartition) -> int | None:
        """Return the offset that is polled next; None while it is unknown, as after a rebalance."""
        try:
            return cast("int | None", self._consumer.position(partition, timeout_ms=POSITION_TIMEOUT_MS))
        except FencedInstanceIdError:
            raise
        except KafkaError:
            return None

    def close(self) -> None:
        """Leave the group, so that the partitions are reassigned at once."""
        self._consumer.close(timeout_ms=CLOSE_TIMEOUT_MS)
