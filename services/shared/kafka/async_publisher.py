"""The publisher of services on an event loop (Faust): one attempt at a time, its errors sorted (DESIGN 3)."""

from collections.abc import Sequence

from aiokafka.errors import UnknownTopicOrPartitionError

from services.shared.kafka.kafka_errors import MAX_UNKNOWN_TOPIC, configuration_error, missing_topic
from services.shared.kafka.producer import Producer, Unacknowledged
from services.shared.kafka.records import Outgoing
from services.shared.kafka.rejected_records import RejectedRecord, dead_letter_of, publish_or_reject
from services.shared.runtime.settings import KafkaSettings


class AsyncPublisher:
    """Publishes records; one that the broker will never take becomes a dead letter and holds up no other.

    Args:
        settings: how to reach the broker.
        service: that publishes; also the client's name in the broker's logs.

    """

    def __init__(self, settings: KafkaSettings, service: str) -> None:
        self._producer = Producer(settings, service, idempotent=False)
        self._service = service
        self._unknown = 0

    async def connect(self) -> None:
        """Connect, unless connected.

        Raises:
            KafkaError: the broker is unavailable.

        """
        await self._producer.connect()

    async def publish(self, records: Sequence[Outgoing]) -> list[RejectedRecord]:
        """Publish the records and return when all are acknowledged, or kept as dead letters.

        Returns:
            those that the broker will never take: their dead letters are acknowledged.

        Raises:
            Unacknowledged: the broker did not acknowledge all of them; publish all of them again later.
            ConfigurationError: the broker will not take any record from this client before a person mends something.

        """
        try:
            refused = rejected = await publish_or_reject(self._producer, records)
            while refused:
                # A dead letter may be too large itself; it is shortened, once.
                letters = [letter for each in refused if (letter := dead_letter_of(each, self._service)) is not None]
                refused = await publish_or_reject(self._producer, letters)
        except Unacknowledged as failure:
            self._check_configuration(failure)
            raise
        self._unknown = 0
        return rejected

    def _check_configuration(self, failure: Unacknowledged) -> None:
        """Stop the service for what only a person can mend: a right that is missing, or a topic."""
        unknown = isinstance(failure.__cause__, UnknownTopicOrPartitionError)
        self._unknown = self._unknown + 1 if unknown else 0
        topics = [record.topic for record in failure.records]
        error = configuration_error(failure.__cause__, self._service, topics)
        if self._unknown >= MAX_UNKNOWN_TOPIC:
            error = missing_topic(self._service, topics)
        if error is not None:
            raise error from failure

    async def close(self) -> None:
        """Disconnect within a second, whatever is still unacknowledged."""
        await self._producer.close()
