"""The delivery loop, the same in every consumer (DESIGN 3).

poll → decode → load, decide and save in one transaction → publish and wait for the acknowledgements → commit offsets.
A service hands in a `Stage`; the loop takes care of bad records, retries, crashes and hand-overs.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import psycopg
from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import CommitFailedError, FencedInstanceIdError, KafkaError
from kafka.structs import OffsetAndMetadata

from services.shared import dead_letters, logs
from services.shared.connection import connection
from services.shared.dead_letters import Refused
from services.shared.errors import DeadLetterBound, InvalidMessage, LostRace, Retryable
from services.shared.faults import Faults
from services.shared.metrics import LoopMetrics
from services.shared.operations import Health
from services.shared.postgres import Database
from services.shared.publisher import Publisher
from services.shared.records import Incoming, Outgoing
from services.shared.settings import Settings

M = TypeVar("M")

log = logs.get(__name__)

Publish = Callable[[Sequence[Outgoing]], None]
"""Publishes records and returns when they are acknowledged."""

POLL_SECONDS = 0.5
LONGEST_BACKOFF = 10.0
RACES = 20
"""How often a batch is decided again after another owner was first, before it counts as trouble."""


@dataclass(frozen=True, slots=True)
class Message(Generic[M]):
    """A decoded record and where it stood."""

    record: Incoming
    body: M


@dataclass(slots=True)
class Result:
    """What a batch leads to.

    Attributes:
        publish: groups of records; each group is acknowledged as a whole before the next is sent.
        refused: records that turned out unusable while deciding, such as conflicts.

    """

    publish: list[list[Outgoing]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


class Stage(Protocol[M]):
    """What a service does with a batch."""

    def decode(self, record: Incoming) -> M:
        """Read one record.

        Raises:
            InvalidMessage: it cannot be used.

        """
        ...

    def handle(self, batch: Sequence[Message[M]], connection: psycopg.Connection) -> Result:
        """Load what the batch needs, decide, and save, all within the given transaction.

        Raises:
            LostRace: somebody else was first; the loop rolls back and calls again.

        """
        ...


class Assignments(ConsumerRebalanceListener):  # type: ignore[misc]  # the library has no types
    """Tells the loop and the service which partitions come and go."""

    def __init__(self) -> None:
        self.gained: Callable[[set[int]], None] = lambda _: None
        self.lost: Callable[[set[int]], None] = lambda _: None

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Pass on what was gained."""
        self.gained({each.partition for each in assigned})

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Pass on what was lost."""
        self.lost({each.partition for each in revoked})


class Loop(Generic[M]):
    """One consumer group member that runs a stage over the records of some topics, batch after batch.

    `between` is called between two batches, in the loop's thread, with a function that publishes and waits for the
    acknowledgement: what a service says on its own account never overtakes a batch's records.
    """

    def __init__(
        self,
        stage: Stage[M],
        *,
        service: str,
        topics: Sequence[str],
        settings: Settings,
        database: Database,
        health: Health,
        metrics: LoopMetrics,
        between: Callable[[Publish], None] = lambda _: None,
    ) -> None:
        self.assignments = Assignments()
        self._stage = stage
        self._between = between
        self._service = service
        self._topics = list(topics)
        self._settings = settings
        self._database = database
        self._health = health
        self._metrics = metrics
        self._faults = Faults(settings.faults, service)
        self._publisher = Publisher(settings.kafka, f"{service}-loop")
        self._stopping = False
        self._consumer: Any = None

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
            if self._consumer is not None:
                # Leaves the group, so that the partitions are given away at once.
                self._consumer.close(timeout_ms=3_000)

    def _connect(self) -> None:
        options = connection(self._settings.kafka) | {
            "group_id": f"duban-{self._service}",
            "group_instance_id": self._settings.instance or f"{self._service}-0",
            "client_id": self._service,
            "metrics_enabled": False,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "session_timeout_ms": self._settings.kafka.session_timeout_ms,
            "heartbeat_interval_ms": min(3_000, self._settings.kafka.session_timeout_ms // 3),
            "max_poll_records": self._settings.batch_size,
            "max_partition_fetch_bytes": 2 * 1024 * 1024,
            "fetch_max_wait_ms": 100,
            "allow_auto_create_topics": False,
        }
        failures = 0
        while not self._stopping:
            try:
                self._consumer = KafkaConsumer(**options)
                self._consumer.subscribe(self._topics, listener=self.assignments)
                return
            except KafkaError as error:
                failures += 1
                self._health.lack("kafka", f"the broker is away ({type(error).__name__})")
                self._rest(failures)

    def _round(self) -> None:
        self._health.beat()
        try:
            polled = self._consumer.poll(timeout_ms=int(POLL_SECONDS * 1000)) if self._consumer else {}
        except FencedInstanceIdError:
            raise
        except KafkaError as error:
            # The broker is away or a rebalance is under way: the client finds its way back by itself.
            log.warning("poll_failed", error=type(error).__name__)
            self._rest(1)
            return
        if self._consumer.assignment():
            self._health.have("start")
            self._health.have("kafka")
        if polled:
            self._complete(polled)
        self._chores()

    def _complete(self, polled: dict[TopicPartition, list[Any]]) -> None:
        """Bring one batch to its end, however often that takes, unless the service is stopped."""
        records = [Incoming.of(each) for part in polled.values() for each in part]
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
                self._rewind(records)
                self._rest(failures, stay=True)
                if self._stopping or not self._still_owned(records):
                    self._resume()
                    return
        self._health.have("work")
        self._seek_behind(records)
        self._commit(records)
        self._metrics.done(self._topics_of(records), time.monotonic() - started)

    def _chores(self) -> None:
        """Let the service do what it does on its own account; trouble there waits for the next time."""
        try:
            self._between(self._publish)
        except Retryable as error:
            log.info("chores_wait", reason=str(error))
        self._resume()

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
            halfway=lambda: self._faults.reach("mid_publish"),
            stopped=lambda: self._stopping,
        )

    def _decode(self, records: Sequence[Incoming]) -> tuple[list[Message[M]], list[Refused]]:
        messages: list[Message[M]] = []
        refused: list[Refused] = []
        for record in records:
            try:
                messages.append(Message(record, self._stage.decode(record)))
            except InvalidMessage as error:
                refused.append(Refused.of(record, error))
            except Exception as error:
                log.exception("decode_failed", error=type(error).__name__, position=record.position)
                refused.append(Refused(record, "bug", _trace(error), None, "unknown"))
        return messages, refused

    def _save(self, messages: Sequence[Message[M]], refused: list[Refused]) -> Result:
        """Run the stage and count the dead letters in one transaction; decide again when somebody else was first."""
        for attempt in range(RACES):
            try:
                with self._database.transaction() as transaction:
                    result = self._stage.handle(messages, transaction) if messages else Result()
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

    def _one_by_one(self, messages: Sequence[Message[M]], refused: list[Refused]) -> Result:
        """Find the record that makes a batch fail: it alone becomes a dead letter, with its trace."""
        whole = self._save([], refused)
        for message in messages:
            try:
                single = self._save([message], [])
            except (Retryable, DeadLetterBound):
                raise
            except Exception as error:
                log.exception("record_failed", error=type(error).__name__, position=message.record.position)
                single = self._save([], [Refused(message.record, "bug", _trace(error), None, "unknown")])
            whole.publish.extend(single.publish)
        return whole

    def _commit(self, records: Sequence[Incoming]) -> None:
        offsets = {
            TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1)
            for (topic, partition), offset in _behind(records).items()
        }
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

    def _rewind(self, records: Sequence[Incoming]) -> None:
        first: dict[tuple[str, int], int] = {}
        for each in records:
            first.setdefault((each.topic, each.partition), each.offset)
        self._seek(first)

    def _seek_behind(self, records: Sequence[Incoming]) -> None:
        self._resume()
        self._seek(_behind(records))

    def _seek(self, offsets: dict[tuple[str, int], int]) -> None:
        owned = self._consumer.assignment()
        for (topic, partition), offset in offsets.items():
            where = TopicPartition(topic, partition)
            if where in owned:
                self._consumer.seek(where, offset)

    def _still_owned(self, records: Sequence[Incoming]) -> bool:
        owned = self._consumer.assignment()
        return all(TopicPartition(each.topic, each.partition) in owned for each in records)

    def _resume(self) -> None:
        self._consumer.resume(*self._consumer.paused())

    def _stay(self) -> None:
        """Stay in the consumer group without taking new records."""
        self._health.beat()
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


def _behind(records: Sequence[Incoming]) -> dict[tuple[str, int], int]:
    last: dict[tuple[str, int], int] = {}
    for each in records:
        last[(each.topic, each.partition)] = each.offset + 1
    return last


def _trace(error: BaseException) -> str:
    """Return type and place of an error, without its text, which may hold personal data."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        place = f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {place}"
