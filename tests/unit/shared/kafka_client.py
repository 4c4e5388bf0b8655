"""A fake of aiokafka's producer and the broker behind it, for tests of the producer and the publisher."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiokafka.errors import KafkaConnectionError

from services.shared.kafka.records import Outgoing
from services.shared.runtime.settings import KafkaSettings

SETTINGS = KafkaSettings(bootstrap_servers="nowhere:1", partitions=2)
BATCH_CAPACITY = 3
"""Records in a batch."""


class FakeKafkaClient:
    """Stands for all of a test's clients: two partitions a topic, each an ordered list of the values it got.

    Attributes:
        stored: values by topic and partition.
        starts, stops: how often a client was started and stopped.
        error_for: returns the error with which a topic refuses a batch of values; None: it is stored.
        unavailable: whether clients cannot connect.

    """

    def __init__(self) -> None:
        self.stored: dict[tuple[str, int], list[bytes]] = {}
        self.starts = self.stops = 0
        self.error_for: Callable[[str, list[bytes]], Exception | None] = lambda _, __: None
        self.unavailable = False

    def create(self, **_: Any) -> "FakeKafkaClient":
        """Take the place of the client's class."""
        return self

    async def start(self) -> None:
        if self.unavailable:
            raise KafkaConnectionError("nobody there")
        self.starts += 1

    async def stop(self) -> None:
        self.stops += 1

    async def partitions_for(self, _: str) -> set[int]:
        return {0, 1}

    def create_batch(self) -> "FakeBatch":
        return FakeBatch()

    async def send_batch(self, batch: "FakeBatch", topic: str, *, partition: int) -> "asyncio.Future[None]":
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if (error := self.error_for(topic, batch.values)) is not None:
            sent.set_exception(error)
        else:
            self.stored.setdefault((topic, partition), []).extend(batch.values)
            sent.set_result(None)
        return sent

    def values(self, topic: str) -> list[bytes]:
        """Return the values in all partitions of a topic."""
        return [value for (name, _), stored in sorted(self.stored.items()) if name == topic for value in stored]

    @property
    def stored_count(self) -> int:
        """Values in all partitions."""
        return sum(map(len, self.stored.values()))


class FakeBatch:
    """A batch with room for few records."""

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self.closed = False

    def append(self, *, value: bytes, **_: Any) -> object | None:
        # As the client does: once a record did not fit, none after it does.
        self.closed = self.closed or len(self.values) == BATCH_CAPACITY
        if self.closed:
            return None
        self.values.append(value)
        return object()


def numbered_records(*numbers: int, key: bytes | None = b"k") -> list[Outgoing]:
    return [Outgoing("t", key, b"%d" % number, []) for number in numbers]
