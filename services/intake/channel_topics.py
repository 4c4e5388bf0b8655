"""Consumes the channel topics: a record in a channel's own format becomes contacts, or a dead letter (R2.5)."""

from collections.abc import Sequence

import psycopg

from services.intake.channel_registry import WITHOUT_TOPIC
from services.intake.domain.envelope import MAX_CONTACT_BYTES, ParsedItem, RejectedItem
from services.intake.domain.fields import InputError, InvalidPayload
from services.intake.domain.message_parts import JSON
from services.intake.ingest import Ingestor
from services.intake.metrics import IntakeMetrics
from services.intake.senders import CHANNEL_TOPICS
from services.shared.kafka.batch_handling import BatchResult, Message
from services.shared.kafka.dead_letters import DeadLetterCandidate
from services.shared.kafka.records import Incoming
from services.shared.observability import tracing
from services.shared.runtime.clock import Clock
from services.shared.runtime.errors import InvalidMessage


def topics(ingestor: Ingestor) -> list[str]:
    """Return the topics of all channels that send JSON."""
    return sorted(CHANNEL_TOPICS + name for name in ingestor.channels.keys() - WITHOUT_TOPIC)


class ChannelTopicHandler:
    """The batch handler for the channel topics: parses records and publishes what they hold."""

    def __init__(self, ingestor: Ingestor, clock: Clock, metrics: IntakeMetrics) -> None:
        self._ingestor = ingestor
        self._clock = clock
        self._metrics = metrics

    def decode(self, record: Incoming) -> list[ParsedItem]:
        """Parse a record in its channel's format.

        Raises:
            InvalidMessage: nothing of it can be used; it becomes a dead letter.

        """
        channel = record.topic.removeprefix(CHANNEL_TOPICS)
        if not record.value:
            raise self._invalid([InputError("body", "empty", "the record has no value: send the message")], channel)
        if len(record.value) > MAX_CONTACT_BYTES:
            raise self._invalid(
                [
                    InputError(
                        "body",
                        "too_large",
                        f"a message is at most {MAX_CONTACT_BYTES} bytes: send attachments by reference",
                    )
                ],
                channel,
            )
        media_type = dict(record.headers).get("content-type", JSON.encode()).decode("ascii", "replace")
        envelope = self._ingestor.envelope(channel, record.value, media_type=media_type, received_at=self._clock.now())
        try:
            return self._ingestor.parse(envelope)
        except InvalidPayload as error:
            raise self._invalid(error.errors, channel) from error

    def sender(self, record: Incoming, body: list[ParsedItem] | None) -> str | None:  # noqa: ARG002
        """Return the channel: whoever may write to its topic sends as the channel."""
        return record.topic.removeprefix(CHANNEL_TOPICS)

    def _invalid(self, errors: Sequence[InputError], channel: str) -> InvalidMessage:
        self._metrics.unusable.labels(channel, errors[0].reason).inc()
        message = "; ".join(f"{error.field}: {error.message}" for error in errors)
        return InvalidMessage(errors[0].reason, message, field=errors[0].field, sender=channel)

    def handle(self, batch: Sequence[Message[list[ParsedItem]]], connection: psycopg.Connection) -> BatchResult:  # noqa: ARG002
        """Publish the parsed items; a rejected item becomes a dead letter of its record."""
        result = BatchResult()
        records = []
        for message in batch:
            channel = message.record.topic.removeprefix(CHANNEL_TOPICS)
            for item in message.body:
                if isinstance(item.content, RejectedItem):
                    error = self._invalid(item.content.errors, channel)
                    result.dead_letters.append(DeadLetterCandidate.from_error(message.record, error))
                    continue
                trace = tracing.accept_or_start(message.record.trace)
                records.append(self._ingestor.record(item.content, trace))
                self._metrics.accepted.labels(channel, "topic").inc()
        result.publish = [records] if records else []
        return result
