"""Reading a topic from its beginning to its present end, for people and checks; never in a service's path."""

from collections.abc import Iterator

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from services.shared.connection import connection
from services.shared.errors import Retryable
from services.shared.records import Incoming
from services.shared.settings import KafkaSettings


def whole(settings: KafkaSettings, topic: str) -> Iterator[Incoming]:
    """Return every record of a topic up to its end as it is now, in order within each partition.

    Raises:
        Retryable: the broker is away.

    """
    try:
        consumer = KafkaConsumer(
            **connection(settings),
            client_id="duban-reading",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=11 * 1024 * 1024,
        )
    except KafkaError as error:
        raise Retryable(f"the broker at {settings.bootstrap_servers} is away ({type(error).__name__})") from error
    try:
        parts = [TopicPartition(topic, each) for each in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(parts)
        ends = consumer.end_offsets(parts)
        consumer.seek_to_beginning(*parts)
        while any(consumer.position(each) < ends[each] for each in parts):
            for records in consumer.poll(timeout_ms=500).values():
                for each in records:
                    if each.offset < ends[TopicPartition(each.topic, each.partition)]:
                        yield Incoming.of(each)
    except KafkaError as error:
        raise Retryable(f"the broker at {settings.bootstrap_servers} is away ({type(error).__name__})") from error
    finally:
        consumer.close()
