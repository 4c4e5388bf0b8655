"""Runs a service's batch handler over its Kafka topics with at-least-once delivery (DESIGN 3).

Each batch: poll → decode → load, decide and save in one transaction → publish and wait for the acknowledgements →
commit offsets. A service supplies a `BatchHandler`; the consumer deals with invalid records, retries, crashes and
rebalances.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import psycopg

from services.shared.kafka import dead_letters
from services.shared.kafka.consumer_group import AssignmentListener, GroupMember
from services.shared.kafka.dead_letters import DeadLetterCandidate
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Incoming, Outgoing
from services.shared.observability import logs
from services.shared.observability.health_server import Health
from services.shared.observability.metrics import ConsumerMetrics
from services.shared.postgres.database import Database
from services.shared.runtime.crash_points import CrashPoints
from services.shared.runtime.errors import DeadLetterLimitExceeded, InvalidMessage, LostRace, Retryable
from services.shared.runtime.settings import Settings

BodyT = TypeVar("BodyT")

log = logs.get(__name__)

Publish = Callable[[Sequence[Outgoing]], None]
"""Publishes records and returns when the broker has acknowledged them."""

MAX_BACKOFF = 3.0
"""Seconds between two attempts at most: a service works again within five seconds of the end of an outage."""
REBALANCE_SECONDS = 3.0
"""Seconds outside the group after which this counts as not ready; a rebalance is shorter."""
LAG_INTERVAL = 5.0
"""Seconds between two measurements of the lag."""
MAX_RACES = 20
"""Attempts at a batch whose rows another owner keeps changing first, before that counts as an error."""


@dataclass(frozen=True, slots=True)
class Message(Generic[BodyT]):
    """A decoded record: the body, and the record it was read from."""

    record: Incoming
    body: BodyT


@dataclass(slots=True)
class BatchResult:
    """What has to be published after a batch was handled.

    Attributes:
        publish: groups of records; each group is acknowledged as a whole before the next is sent.
        dead_letters: records that were found unusable while they were handled, such as conflicts.

    """

    publish: list[list[Outgoing]] = field(default_factory=list)
    dead_letters: list[DeadLetterCandidate] = field(default_factory=list)


class BatchHandler(Protocol[BodyT]):
    """The part of a batch consumer that is specific to a service."""

    def decode(self, record: Incoming) -> BodyT:
        """Parse one record.

        Raises:
            InvalidMessage: the record cannot be used and becomes a dead letter.

        """
        ...

    def handle(self, batch: Sequence[Message[BodyT]], connection: psycopg.Connection) -> BatchResult:
        """Load what the batch needs, decide, and save, all within the given transaction.

        Raises:
            LostRace: another owner changed the same rows first; the consumer rolls back and calls again.

        """
        ...


class BatchConsumer(Generic[BodyT]):
    """One consumer group member that passes the records of its topics to a handler, batch after batch.

    `after_batch` is called after each poll, handled or empty, in the consumer's thread. It gets a function that
    publishes and waits for the acknowledgement, so that records of its own never overtake those of a batch.
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
    ) -> None:
        self.assignments = AssignmentListener()
        self._handler = handler
        self._after_batch = after_batch
        self._service = service
        self._topics = list(topics)
        self._settings = settings
        self._database = database
        self._health = health
        self._metrics = metrics
        self._crash_points = CrashPoints(settings.faults, service)
        self._publisher = Publisher(
            settings.kafka, f"{service}-loop", service=service, on_waiting=self._report_publication
        )
        self._stopping = False
        self._joined_at = time.monotonic()
        self._lag_due = 0.0
        self._member: GroupMember | None = None

    def stop(self) -> None:
        """Ask the consumer to end after the current batch; may be called from another thread or a signal handler."""
        self._stopping = True

    def run(self) -> None:
        """Consume until `stop` is called.

        Raises:
            DeadLetterLimitExceeded: too many dead letters of one sender; an operator has to look.
            ConfigurationError: the broker takes no record of this service before a person mends something.
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
        failures = 0
        while not self._stopping and self._member is None:
            try:
                self._member = GroupMember(self._service, self._topics, self._settings, self.assignments)
            except Retryable as error:
                failures += 1
                self._health.mark_not_ready("membership", str(error))
                self._back_off(failures)

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
        self._report_membership()
        if records:
            self._process_until_done(records)
        self._call_after_batch()

    def _report_membership(self) -> None:
        """Report whether this member is in its group, and how far it is behind."""
        now = time.monotonic()
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
        started = time.monotonic()
        while True:
            try:
                self._process(records)
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
        self._group.commit(records)
        self._metrics.record_batch(self._count_by_topic(records), time.monotonic() - started)

    def _call_after_batch(self) -> None:
        """Call the service's own work; what fails there is tried again after the next batch."""
        try:
            self._after_batch(self._publish)
        except Retryable as error:
            log.info("after_batch_retry", reason=str(error))
        self._group.resume()

    def _process(self, records: Sequence[Incoming]) -> None:
        messages, invalid = self._decode(records)
        try:
            result = self._handle(messages, invalid)
        except (Retryable, DeadLetterLimitExceeded):
            raise
        except Exception as error:
            log.exception("batch_failed", error=type(error).__name__, records=len(messages))
            result = self._handle_one_by_one(messages, invalid)
        self._crash_points.reach("after_save")
        for group in result.publish:
            self._publish(group)
        self._crash_points.reach("before_offset_commit")

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

    def _decode(self, records: Sequence[Incoming]) -> tuple[list[Message[BodyT]], list[DeadLetterCandidate]]:
        messages: list[Message[BodyT]] = []
        invalid: list[DeadLetterCandidate] = []
        for record in records:
            try:
                messages.append(Message(record, self._handler.decode(record)))
            except InvalidMessage as error:
                invalid.append(DeadLetterCandidate.from_error(record, error))
            except Retryable:
                # The record may be good: what it is compared with, such as the policies, cannot be read now.
                raise
            except Exception as error:
                log.exception("decode_failed", error=type(error).__name__, position=record.position)
                invalid.append(DeadLetterCandidate.from_bug(record, error))
        return messages, invalid

    def _handle(self, messages: Sequence[Message[BodyT]], invalid: list[DeadLetterCandidate]) -> BatchResult:
        """Run the handler and count the dead letters in one transaction; starts over after a lost race."""
        for attempt in range(MAX_RACES):
            try:
                with self._database.transaction() as transaction:
                    result = self._handler.handle(messages, transaction) if messages else BatchResult()
                    candidates = [*invalid, *result.dead_letters]
                    dead_letters.count(transaction, self._service, candidates, self._settings.dead_letters_per_hour)
                    self._crash_points.reach("before_save")
                break
            except (LostRace, psycopg.errors.UniqueViolation, psycopg.errors.SerializationFailure) as error:
                self._metrics.races.inc()
                log.info("race_lost", reason=type(error).__name__, attempt=attempt)
                if attempt == MAX_RACES - 1:
                    raise
        self._report_dead_letters(candidates)
        if candidates:
            result.publish.append(
                [dead_letters.dead_letter_record(candidate, self._service) for candidate in candidates]
            )
        return result

    def _report_dead_letters(self, candidates: Sequence[DeadLetterCandidate]) -> None:
        for candidate in candidates:
            topic, position = candidate.record.topic, candidate.record.position
            self._metrics.dead_letters.labels(self._service, topic, candidate.reason).inc()
            log.warning("dead_letter", topic=topic, position=position, reason=candidate.reason, field=candidate.field)

    def _handle_one_by_one(self, messages: Sequence[Message[BodyT]], invalid: list[DeadLetterCandidate]) -> BatchResult:
        """Isolate the record that makes a batch fail: it alone becomes a dead letter, its traceback is logged."""
        combined = self._handle([], invalid)
        for message in messages:
            try:
                result = self._handle([message], [])
            except (Retryable, DeadLetterLimitExceeded):
                raise
            except Exception as error:
                log.exception("record_failed", error=type(error).__name__, position=message.record.position)
                result = self._handle([], [DeadLetterCandidate.from_bug(message.record, error)])
            combined.publish.extend(result.publish)
        return combined

    def _keep_alive(self) -> None:
        """Send a heartbeat to the health server and stay in the consumer group."""
        self._health.heartbeat()
        self._group.keep_alive()

    def _back_off(self, failures: int, *, in_group: bool = False) -> None:
        """Wait exponentially longer with each failure, up to `MAX_BACKOFF`; with `in_group` the membership is kept."""
        until = time.monotonic() + min(0.2 * 2 ** min(failures, 10), MAX_BACKOFF)
        while not self._stopping and time.monotonic() < until:
            self._health.heartbeat()
            time.sleep(0.2)
            if in_group:
                self._keep_alive()

    @staticmethod
    def _count_by_topic(records: Sequence[Incoming]) -> dict[str, int]:
        counts: dict[str, int] = {}
        for record in records:
            counts[record.topic] = counts.get(record.topic, 0) + 1
        return counts
