"""The delivery loop, the same in every consumer (DESIGN 3).

poll → decode → load, decide and save in one transaction → publish and wait for the acknowledgements → commit offsets.
A service hands in a `BatchHandler`; the loop takes care of bad records, retries, crashes and hand-overs.
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
from services.shared.runtime.errors import DeadLetterBound, InvalidMessage, LostRace, Retryable
from services.shared.runtime.settings import Settings

M = TypeVar("M")

log = logs.get(__name__)

Publish = Callable[[Sequence[Outgoing]], None]
"""Publishes records and returns when they are acknowledged."""

LONGEST_BACKOFF = 10.0
RACES = 20
"""How often a batch is decided again after another owner was first, before it counts as trouble."""


@dataclass(frozen=True, slots=True)
class Message(Generic[M]):
    """A decoded record and where it stood."""

    record: Incoming
    body: M


@dataclass(slots=True)
class BatchResult:
    """What a batch leads to.

    Attributes:
        publish: groups of records; each group is acknowledged as a whole before the next is sent.
        refused: records that turned out unusable while deciding, such as conflicts.

    """

    publish: list[list[Outgoing]] = field(default_factory=list)
    refused: list[DeadLetterCandidate] = field(default_factory=list)


class BatchHandler(Protocol[M]):
    """What a service does with a batch."""

    def decode(self, record: Incoming) -> M:
        """Read one record.

        Raises:
            InvalidMessage: it cannot be used.

        """
        ...

    def handle(self, batch: Sequence[Message[M]], connection: psycopg.Connection) -> BatchResult:
        """Load what the batch needs, decide, and save, all within the given transaction.

        Raises:
            LostRace: somebody else was first; the loop rolls back and calls again.

        """
        ...


class BatchConsumer(Generic[M]):
    """One consumer group member that runs a stage over the records of some topics, batch after batch.

    `between` is called between two batches, in the loop's thread, with a function that publishes and waits for the
    acknowledgement: what a service says on its own account never overtakes a batch's records.
    """

    def __init__(
        self,
        stage: BatchHandler[M],
        *,
        service: str,
        topics: Sequence[str],
        settings: Settings,
        database: Database,
        health: Health,
        metrics: ConsumerMetrics,
        between: Callable[[Publish], None] = lambda _: None,
    ) -> None:
        self.assignments = AssignmentListener()
        self._stage = stage
        self._between = between
        self._service = service
        self._topics = list(topics)
        self._settings = settings
        self._database = database
        self._health = health
        self._metrics = metrics
        self._faults = CrashPoints(settings.faults, service)
        self._publisher = Publisher(settings.kafka, f"{service}-loop")
        self._stopping = False
        self._member: GroupMember | None = None

    def stop(self) -> None:
        """Ask the loop to end after the present batch."""
        self._stopping = True

    def run(self) -> None:
        """Consume until `stop` is called.

        Raises:
            DeadLetterBound: too many dead letters; a person has to look.
            FencedInstanceIdError: another process runs under the same instance id.

        """
        self._connect()
        try:
            while not self._stopping:
                self._round()
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
                self._health.lack("kafka", str(error))
                self._rest(failures)

    @property
    def _group(self) -> GroupMember:
        assert self._member is not None
        return self._member

    def _round(self) -> None:
        self._health.beat()
        try:
            records = self._group.poll()
        except Retryable as error:
            log.warning("poll_failed", reason=str(error))
            self._rest(1)
            return
        if self._group.assigned:
            self._health.have("start")
            self._health.have("kafka")
        if records:
            self._complete(records)
        self._chores()

    def _complete(self, records: Sequence[Incoming]) -> None:
        """Bring one batch to its end, however often that takes, unless the service is stopped."""
        failures = 0
        started = time.monotonic()
        while True:
            try:
                self._process(records)
                break
            except Retryable as error:
                failures += 1
                self._health.lack("work", str(error))
                log.warning("batch_waits", reason=str(error), records=len(records), failures=failures)
                self._group.rewind(records)
                self._rest(failures, stay=True)
                if self._stopping or not self._group.owns(records):
                    self._group.resume()
                    return
        self._health.have("work")
        self._group.finish(records)
        self._metrics.done(self._topics_of(records), time.monotonic() - started)

    def _chores(self) -> None:
        """Let the service do what it does on its own account; trouble there waits for the next time."""
        try:
            self._between(self._publish)
        except Retryable as error:
            log.info("chores_wait", reason=str(error))
        self._group.resume()

    def _process(self, records: Sequence[Incoming]) -> None:
        messages, refused = self._decode(records)
        try:
            result = self._save(messages, refused)
        except (Retryable, DeadLetterBound):
            raise
        except Exception as error:
            log.exception("batch_failed", error=type(error).__name__, records=len(messages))
            result = self._one_by_one(messages, refused)
        self._faults.reach("after_save")
        for group in result.publish:
            self._publish(group)
        self._faults.reach("before_offset_commit")

    def _publish(self, records: Sequence[Outgoing]) -> None:
        self._publisher.publish(
            records,
            meanwhile=self._stay,
            halfway=self._faults.ending("mid_publish"),
            stopped=lambda: self._stopping,
        )

    def _decode(self, records: Sequence[Incoming]) -> tuple[list[Message[M]], list[DeadLetterCandidate]]:
        messages: list[Message[M]] = []
        refused: list[DeadLetterCandidate] = []
        for record in records:
            try:
                messages.append(Message(record, self._stage.decode(record)))
            except InvalidMessage as error:
                refused.append(DeadLetterCandidate.of(record, error))
            except Exception as error:
                log.exception("decode_failed", error=type(error).__name__, position=record.position)
                refused.append(DeadLetterCandidate(record, "bug", logs.place(error), None, "unknown"))
        return messages, refused

    def _save(self, messages: Sequence[Message[M]], refused: list[DeadLetterCandidate]) -> BatchResult:
        """Run the stage and count the dead letters in one transaction; decide again when somebody else was first."""
        for attempt in range(RACES):
            try:
                with self._database.transaction() as transaction:
                    result = self._stage.handle(messages, transaction) if messages else BatchResult()
                    refused_all = [*refused, *result.refused]
                    dead_letters.count(transaction, self._service, refused_all, self._settings.dead_letters_per_hour)
                    self._faults.reach("before_save")
                break
            except (LostRace, psycopg.errors.UniqueViolation, psycopg.errors.SerializationFailure) as error:
                self._metrics.races.inc()
                log.info("decides_again", reason=type(error).__name__, attempt=attempt)
                if attempt == RACES - 1:
                    raise
        for each in refused_all:
            self._metrics.dead_letters.labels(self._service, each.record.topic, each.reason).inc()
            log.warning(
                "dead_letter",
                topic=each.record.topic,
                position=each.record.position,
                reason=each.reason,
                field=each.field,
            )
        if refused_all:
            result.publish.append([dead_letters.letter(each, self._service) for each in refused_all])
        return result

    def _one_by_one(self, messages: Sequence[Message[M]], refused: list[DeadLetterCandidate]) -> BatchResult:
        """Find the record that makes a batch fail: it alone becomes a dead letter, with its trace."""
        whole = self._save([], refused)
        for message in messages:
            try:
                single = self._save([message], [])
            except (Retryable, DeadLetterBound):
                raise
            except Exception as error:
                log.exception("record_failed", error=type(error).__name__, position=message.record.position)
                single = self._save(
                    [], [DeadLetterCandidate(message.record, "bug", logs.place(error), None, "unknown")]
                )
            whole.publish.extend(single.publish)
        return whole

    def _stay(self) -> None:
        """Show life, to operations and to the group."""
        self._health.beat()
        self._group.stay()

    def _rest(self, failures: int, *, stay: bool = False) -> None:
        """Wait with backoff, alive and in the group."""
        until = time.monotonic() + min(0.2 * 2 ** min(failures, 10), LONGEST_BACKOFF)
        while not self._stopping and time.monotonic() < until:
            self._health.beat()
            time.sleep(0.2)
            if stay:
                self._stay()

    @staticmethod
    def _topics_of(records: Sequence[Incoming]) -> dict[str, int]:
        counts: dict[str, int] = {}
        for each in records:
            counts[each.topic] = counts.get(each.topic, 0) + 1
        return counts
