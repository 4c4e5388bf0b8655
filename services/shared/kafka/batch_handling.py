"""Handles one batch of a consumer: decode, then load, decide and save in one transaction (DESIGN 3).

A record that cannot be used, or whose sender is barred, becomes a dead letter; what is behind it goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import psycopg

from services.shared.kafka import dead_letters
from services.shared.kafka.bars import BarList
from services.shared.kafka.dead_letters import UNKNOWN_SENDER, DeadLetterCandidate, Limits
from services.shared.kafka.records import Incoming, Outgoing
from services.shared.kafka.unreadable_batches import RawBatch
from services.shared.observability import logs
from services.shared.observability.metrics import ConsumerMetrics
from services.shared.postgres.database import Database
from services.shared.runtime.crash_points import CrashPoints
from services.shared.runtime.errors import InvalidMessage, LostRace, Retryable, TooManyBugs
from services.shared.runtime.settings import Settings

BodyT = TypeVar("BodyT")

log = logs.get(__name__)

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

    def sender(self, record: Incoming, body: BodyT | None) -> str | None:
        """Return who sent a record, and is barred when too many become dead letters; None: a service of our own.

        The body is None where the record could not be decoded.
        """
        ...

    def handle(self, batch: Sequence[Message[BodyT]], connection: psycopg.Connection) -> BatchResult:
        """Load what the batch needs, decide, and save, all within the given transaction.

        Raises:
            LostRace: another owner changed the same rows first; the consumer rolls back and calls again.

        """
        ...


class BatchProcessor(Generic[BodyT]):
    """Passes batches to a service's handler, and keeps from it what cannot be used."""

    def __init__(
        self,
        handler: BatchHandler[BodyT],
        *,
        service: str,
        settings: Settings,
        database: Database,
        metrics: ConsumerMetrics,
        bars: BarList,
        crash_points: CrashPoints,
    ) -> None:
        self._handler = handler
        self._service = service
        self._limits = Limits.of(settings)
        self._database = database
        self._metrics = metrics
        self._bars = bars
        self._crash_points = crash_points

    def process(self, records: Sequence[Incoming]) -> BatchResult:
        """Handle the records and save; returns what is to be published, dead letters last.

        Raises:
            Retryable: the database is unavailable; nothing is saved.
            TooManyBugs: our own code failed on too many records of the topic.

        """
        messages, invalid = self._decode(records)
        try:
            return self._handle(messages, invalid)
        except (Retryable, TooManyBugs):
            raise
        except Exception as error:
            log.exception("batch_failed", error=type(error).__name__, records=len(messages))
            return self._handle_one_by_one(messages, invalid)

    def _decode(self, records: Sequence[Incoming]) -> tuple[list[Message[BodyT]], list[DeadLetterCandidate]]:
        messages: list[Message[BodyT]] = []
        invalid: list[DeadLetterCandidate] = []
        for record in records:
            if isinstance(record.value, RawBatch):
                sender = self._handler.sender(record, None) or UNKNOWN_SENDER
                invalid.append(DeadLetterCandidate.from_raw_batch(record, record.value, sender))
                continue
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
                    self._bars.refresh(transaction)
                    allowed, barred = self._split_barred(messages)
                    result = self._handler.handle(allowed, transaction) if allowed else BatchResult()
                    candidates = [*invalid, *barred, *result.dead_letters]
                    new_bars = dead_letters.count(transaction, self._service, candidates, self._limits)
                    self._crash_points.reach("before_save")
                break
            except (LostRace, psycopg.errors.UniqueViolation) as error:
                self._metrics.races.inc()
                log.info("race_lost", reason=type(error).__name__, attempt=attempt)
                if attempt == MAX_RACES - 1:
                    raise
        self._bars.add(new_bars)
        self._metrics.bars.labels(self._service).inc(len(new_bars))
        self._report_dead_letters(candidates)
        if candidates:
            result.publish.append(
                [dead_letters.dead_letter_record(candidate, self._service) for candidate in candidates]
            )
        return result

    def _split_barred(
        self, messages: Sequence[Message[BodyT]]
    ) -> tuple[Sequence[Message[BodyT]], list[DeadLetterCandidate]]:
        """Return the messages that are to be handled, and the candidates of those whose senders are barred."""
        if not self._bars.any:
            return messages, []
        allowed: list[Message[BodyT]] = []
        barred: list[DeadLetterCandidate] = []
        for message in messages:
            sender = self._handler.sender(message.record, message.body)
            if sender is not None and self._bars.barred(sender, message.record.topic):
                barred.append(DeadLetterCandidate.from_barred(message.record, sender))
            else:
                allowed.append(message)
        return allowed, barred

    def _report_dead_letters(self, candidates: Sequence[DeadLetterCandidate]) -> None:
        for candidate in candidates:
            topic, position = candidate.record.topic, candidate.record.position
            self._metrics.dead_letters.labels(self._service, topic, candidate.reason).inc()
            if self._bars.log_dead_letter(candidate.sender, topic):
                log.warning(
                    "dead_letter", topic=topic, position=position, reason=candidate.reason, field=candidate.field
                )

    def _handle_one_by_one(self, messages: Sequence[Message[BodyT]], invalid: list[DeadLetterCandidate]) -> BatchResult:
        """Isolate the record that makes a batch fail: it alone becomes a dead letter, its traceback is logged."""
        combined = self._handle([], invalid)
        for message in messages:
            try:
                result = self._handle([message], [])
            except (Retryable, TooManyBugs):
                raise
            except Exception as error:
                log.exception("record_failed", error=type(error).__name__, position=message.record.position)
                result = self._handle([], [DeadLetterCandidate.from_bug(message.record, error)])
            combined.publish.extend(result.publish)
        return combined
