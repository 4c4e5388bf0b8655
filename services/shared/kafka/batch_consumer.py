"""Runs a service's batch handler over its Kafka topics with at-least-once delivery (DESIGN 3).

Each batch: poll → decode → load, decide and save in one transaction → look whether the partitions are still this
member's → publish and wait for the acknowledgements → commit offsets. A service supplies a `BatchHandler`; the consumer
deals with invalid records, retries, crashes and rebalances.
"""

import time
from collections.abc import Callable, Sequence
from typing import Generic

from services.shared.kafka.bars import BarList
from services.shared.kafka.batch_handling import BatchHandler, BatchProcessor, BodyT
from services.shared.kafka.consumer_group import AssignmentListener, GroupMember, MissingTopics
from services.shared.kafka.kafka_errors import missing_topics
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Incoming, Outgoing
from services.shared.observability import logs
from services.shared.observability.health_server import Health
from services.shared.observability.metrics import ConsumerMetrics
from services.shared.postgres.database import Database
from services.shared.runtime.crash_points import CrashPoints
from services.shared.runtime.errors import Retryable
from services.shared.runtime.settings import Settings

log = logs.get(__name__)

Publish = Callable[[Sequence[Outgoing]], None]
"""Publishes records and returns when the broker has acknowledged them."""

MAX_BACKOFF = 3.0
"""Seconds between two attempts at most: a service works again within five seconds of the end of an outage."""
REBALANCE_SECONDS = 3.0
"""Seconds outside the group after which this counts as not ready; a rebalance is shorter."""
RENEWAL_SESSIONS = 2
"""Session timeouts outside the group after which the membership is renewed: no rebalance takes so long, as members that
do not answer are left out after one. The client may have lost track of its own request to join (kafka-python 3.0.12).
"""
LAG_INTERVAL = 5.0
"""Seconds between two measurements of the lag."""
MISSING_TOPICS_SECONDS = 30.0
"""Seconds after which topics that the broker does not show count as missing, and not as a broker that is starting."""


class BatchConsumer(Generic[BodyT]):
    """One consumer group member that passes the records of its topics to a handler, batch after batch.

    `after_batch` is called after each poll, handled or empty, in the consumer's thread. It gets a function that
    publishes and waits for the acknowledgement, so that records of its own never overtake those of a batch.

    `on_doubt` is called with a batch that may have been published after another member had taken over its partitions:
    what must be the last record of its key has to be published once more, as it is stored then.

    Args:
        monotonic: real time in seconds.
        sleep: waits for real seconds.

    """

    def __init__(
        self,
        handler: BatchHandler[BodyT],
        *,
        service: str,
        topics: Sequence[str],
        settings: Settings,
        database: Database,
        health: Health,
        metrics: ConsumerMetrics,
        after_batch: Callable[[Publish], None] = lambda _: None,
        on_doubt: Callable[[Sequence[Incoming]], None] = lambda _: None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.assignments = AssignmentListener()
        self._after_batch = after_batch
        self._on_doubt = on_doubt
        self._monotonic = monotonic
        self._sleep = sleep
        self._service = service
        self._topics = list(topics)
        self._settings = settings
        self._health = health
        self._metrics = metrics
        self._crash_points = CrashPoints(settings.faults, service)
        self._processor = BatchProcessor(
            handler,
            service=service,
            settings=settings,
            database=database,
            metrics=metrics,
            bars=BarList(monotonic),
            crash_points=self._crash_points,
        )
        self._publisher = Publisher(
            settings.kafka, f"{service}-loop", service=service, on_waiting=self._report_publication
        )
        self._stopping = False
        self._joined_at = monotonic()
        self._lag_due = 0.0
        self._member: GroupMember | None = None

    def stop(self) -> None:
        """Ask the consumer to end after the current batch; may be called from another thread or a signal handler."""
        self._stopping = True

    def run(self) -> None:
        """Consume until `stop` is called.

        Raises:
            TooManyBugs: our own code failed on too many records; an operator has to look.
            ConfigurationError: this service can neither read nor publish before a person mends something.
            FencedInstanceIdError: another process runs under the same instance id.

        """
        self._connect()
        try:
            while not self._stopping:
                self._run_once()
        finally:
            self._publisher.close()
            if self._member is not None:
                self._member.close()

    def _connect(self) -> None:
        failures, began = 0, self._monotonic()
        while not self._stopping and self._member is None:
            try:
                self._member = GroupMember(
                    self._service, self._topics, self._settings, self.assignments, self._monotonic
                )
            except Retryable as error:
                if isinstance(error, MissingTopics) and self._monotonic() - began >= MISSING_TOPICS_SECONDS:
                    raise missing_topics(self._service, error.topics) from error
                failures += 1
                self._health.mark_not_ready("membership", str(error))
                self._back_off(failures)

    def _has_to_rejoin(self) -> bool:
        """Whether the client has been outside of the group for longer than any rebalance takes."""
        outside = self._monotonic() - self._joined_at
        return not self._group.joined and outside > RENEWAL_SESSIONS * self._settings.kafka.session_timeout_ms / 1_000

    def _renew_membership(self) -> None:
        """Join the group once more, by a client of its own; what is not committed is read again."""
        log.warning("membership_renewed", seconds=round(self._monotonic() - self._joined_at, 1))
        self._group.close()
        self._member = None
        self._connect()
        self._joined_at = self._monotonic()

    @property
    def _group(self) -> GroupMember:
        assert self._member is not None
        return self._member

    def _run_once(self) -> None:
        self._health.heartbeat()
        try:
            records = self._group.poll()
        except Retryable as error:
            log.warning("poll_failed", reason=str(error))
            self._back_off(1)
            return
        if self._has_to_rejoin():
            # What was polled outside of the group is read again by whoever owns it.
            self._renew_membership()
            return
        self._report_membership()
        if records:
            self._process_until_done(records)
        self._call_after_batch()

    def _report_membership(self) -> None:
        """Report whether this member is in its group, and how far it is behind."""
        now = self._monotonic()
        if self._group.joined:
            self._joined_at = now
            self._health.report_assignment(self._group.partitions)
        elif now - self._joined_at > REBALANCE_SECONDS:
            self._health.mark_not_ready("membership", "not in the consumer group: nothing is read")
        if now >= self._lag_due:
            self._lag_due = now + LAG_INTERVAL
            for topic, lag in self._group.lag().items():
                self._metrics.lag.labels(self._service, topic).set(lag)

    def _process_until_done(self, records: Sequence[Incoming]) -> None:
        """Process a batch and commit it; retries for as long as it takes, unless stopped or the partitions are lost."""
        failures = 0
        started = self._monotonic()
        while True:
            try:
                published = self._process(records)
                break
            except Retryable as error:
                failures += 1
                self._health.mark_not_ready("work", str(error))
                log.warning("batch_retry", reason=str(error), records=len(records), failures=failures)
                self._group.rewind(records)
                self._back_off(failures, in_group=True)
                if self._stopping or not self._group.owns(records):
                    self._group.resume()
                    return
        self._health.mark_ready("work")
        if not published:
            # The owner reads the batch again and publishes the same; this member does for what is still its own.
            log.warning("partitions_lost", records=len(records), seconds=round(self._monotonic() - started, 1))
            self._group.rewind(records)
            self._group.resume()
            return
        if not self._group.commit(records):
            self._metrics.doubts.labels(self._service).inc()
            self._on_doubt(records)
        self._metrics.record_batch(self._count_by_topic(records), self._monotonic() - started)

    def _call_after_batch(self) -> None:
        """Call the service's own work; what fails there is tried again after the next batch."""
        try:
            self._after_batch(self._publish)
        except Retryable as error:
            log.info("after_batch_retry", reason=str(error))
        self._group.resume()

    def _process(self, records: Sequence[Incoming]) -> bool:
        """Save a batch and publish its results; returns whether they were published, as by the partitions' owner."""
        result = self._processor.process(records)
        self._crash_points.reach("after_save")
        if not self._group.still_owns(records):
            return False
        for group in result.publish:
            self._publish(group)
        self._crash_points.reach("before_offset_commit")
        return True

    def _publish(self, records: Sequence[Outgoing]) -> None:
        self._publisher.publish(
            records,
            while_waiting=self._keep_alive,
            halfway=self._crash_points.armed_crash("mid_publish"),
            should_stop=lambda: self._stopping,
        )

    def _report_publication(self, reason: str | None) -> None:
        if reason is None:
            self._health.mark_ready("publish")
        else:
            self._health.mark_not_ready("publish", reason)

    def _keep_alive(self) -> None:
        """Send a heartbeat to the health server and stay in the consumer group."""
        self._health.heartbeat()
        self._group.keep_alive()
        if self._group.joined:
            self._joined_at = self._monotonic()

    def _back_off(self, failures: int, *, in_group: bool = False) -> None:
        """Wait exponentially longer with each failure, up to `MAX_BACKOFF`; with `in_group` the membership is kept."""
        until = self._monotonic() + min(0.2 * 2 ** min(failures, 10), MAX_BACKOFF)
        while not self._stopping and self._monotonic() < until:
            self._health.heartbeat()
            self._sleep(0.2)
            if in_group:
                self._keep_alive()

    @staticmethod
    def _count_by_topic(records: Sequence[Incoming]) -> dict[str, int]:
        counts: dict[str, int] = {}
        for record in records:
            counts[record.topic] = counts.get(record.topic, 0) + 1
        return counts
