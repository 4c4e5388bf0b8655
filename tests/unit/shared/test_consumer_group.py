"""A group member tells what only a person can mend from what passes, and commits only what it owns."""

from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailedError,
    TopicAuthorizationFailedError,
)

from services.shared.kafka import consumer_group
from services.shared.kafka.consumer_group import AssignmentListener, GroupMember, MissingTopics
from services.shared.kafka.records import Incoming
from services.shared.runtime.errors import ConfigurationError, Retryable
from services.shared.runtime.settings import Settings


class Consumer:
    """A client that has partition 0 of the topic `t`.

    Attributes:
        error: with which polls fail.
        committed: offset and leader epoch by partition.

    """

    def __init__(self) -> None:
        self.error: KafkaError | None = None
        self.committed: dict[int, tuple[int, int]] = {}
        self.closed = False

    def topics(self) -> set[str]:
        return {"t"}

    def subscribe(self, *_: Any, **__: Any) -> None: ...

    def assignment(self) -> set[TopicPartition]:
        return {TopicPartition("t", 0)}

    def poll(self, timeout_ms: int) -> dict[Any, Any]:  # noqa: ARG002 - as the client has it
        if self.error is not None:
            raise self.error
        return {}

    def commit(self, offsets: dict[TopicPartition, Any], timeout_ms: int) -> None:  # noqa: ARG002
        self.committed |= {where.partition: (each.offset, each.leader_epoch) for where, each in offsets.items()}

    def position(self, *_: Any, **__: Any) -> int:
        return 0

    def seek(self, *_: Any) -> None: ...

    def resume(self, *_: Any) -> None: ...

    def paused(self) -> set[TopicPartition]:
        return set()

    def close(self, timeout_ms: int) -> None:  # noqa: ARG002
        self.closed = True


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> Consumer:
    consumer = Consumer()
    monkeypatch.setattr(consumer_group, "KafkaConsumer", lambda **_: consumer)
    return consumer


def member(*topics: str) -> GroupMember:
    return GroupMember("tests", topics or ("t",), Settings(instance="tests-0"), AssignmentListener())


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (TopicAuthorizationFailedError(), "`read` and `describe`"),
        (GroupAuthorizationFailedError(), "on the group"),
        (SaslAuthenticationFailedError(), "DUBAN_KAFKA_SASL_PASSWORD"),
    ],
)
def test_what_only_a_person_can_mend_stops_the_service_with_a_sentence(
    consumer: Consumer, error: KafkaError, advice: str
) -> None:
    consumer.error = error
    with pytest.raises(ConfigurationError, match="reading t failed") as raised:
        member().poll()
    assert advice in str(raised.value)


def test_a_broker_that_is_away_is_waited_for(consumer: Consumer) -> None:
    consumer.error = KafkaConnectionError()
    with pytest.raises(Retryable, match="unavailable"):
        member().poll()


def test_topics_that_the_broker_does_not_show_are_named(consumer: Consumer) -> None:
    with pytest.raises(MissingTopics, match="gone"):
        member("t", "gone")
    assert consumer.closed


def test_only_partitions_of_its_own_are_committed_with_the_epoch_of_their_records(consumer: Consumer) -> None:
    """The offset of a partition that another member reads must not move back."""
    records = [Incoming("t", number, 7, None, b"", [], leader_epoch=4) for number in (0, 1)]
    assert not member().commit(records)
    assert consumer.committed == {0: (8, 4)}
    assert member().commit(records[:1])
