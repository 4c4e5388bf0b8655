"""A batch consumer with topics and a table of its own, on a real broker and database."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any
from uuid import uuid4

import psycopg
from kafka import KafkaAdminClient
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from services.shared.kafka import dead_letter_admin, topic_reader, topics
from services.shared.kafka.batch_consumer import BatchConsumer
from services.shared.kafka.batch_handling import BatchResult, Message
from services.shared.kafka.connection import client_options
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Incoming, Outgoing
from services.shared.kafka.topics import Topic
from services.shared.observability.health_server import Health
from services.shared.observability.metrics import ConsumerMetrics
from services.shared.postgres.database import Database
from services.shared.runtime.errors import InvalidMessage, LostRace, Retryable
from services.shared.runtime.settings import KafkaSettings, Settings
from tests.system import System

TOPIC = {"title": "x", "key": "x", "producers": ["x"], "consumers": ["x"], "cleanup": "delete", "retention_hours": 1}


class DoublingHandler:
    """Saves numbers and publishes their doubles; 13 makes it fail, and `races` are lost first."""

    def __init__(self, table: str, target: str) -> None:
        self.table = table
        self.target = target
        self.races = 0
        self.unreadable = 0
        self.away, self.failures = False, 0
        """Whether the database is, as far as this handler is concerned."""
        self.oversized: dict[int, bytes] = {}
        """By number, what is published instead of its double."""

    def decode(self, record: Incoming) -> int:
        if self.unreadable:
            self.unreadable -= 1
            raise Retryable("what the record is compared with is not available")
        number = json.loads(record.value or b"null")
        if not isinstance(number, int):
            raise InvalidMessage("bad_schema", "number: send a number", field="number", sender="tests")
        return number

    def sender(self, _: Incoming, body: int | None) -> str | None:
        return "tests" if body is None or body < 1000 else "others"

    def handle(self, batch: Sequence[Message[int]], connection: psycopg.Connection) -> BatchResult:
        if self.away:
            self.failures += 1
            raise Retryable("the database is away")
        if self.races:
            self.races -= 1
            raise LostRace
        for each in batch:
            if each.body == 13:
                raise ZeroDivisionError
            connection.execute(f"insert into {self.table} values (%s) on conflict do nothing", (each.body,))  # noqa: S608
        values = [self.oversized.get(each.body, str(each.body * 2).encode()) for each in batch]
        return BatchResult(publish=[[Outgoing(self.target, b"k", value, []) for value in values]])


def consumer_offsets(settings: KafkaSettings, group: str) -> list[tuple[str, int]]:
    """Return the committed offset of each partition of a group, with its topic."""
    admin = KafkaAdminClient(**client_options(settings), client_id="tests")
    try:
        found = admin.list_group_offsets({group: None})[group]
        return [(where.topic, offset.offset) for where, offset in found.items()]
    finally:
        admin.close()


class ConsumerUnderTest:
    """A batch consumer in a thread, with topics and a table of its own."""

    def __init__(self, system: System, **changes: Any) -> None:
        self.system = system
        self.name = f"t{uuid4().hex[:12]}"
        self.source, self.target = f"{self.name}.in", f"{self.name}.out"
        names = (self.source, self.target)
        topics.create(system.kafka, {name: Topic.model_validate(TOPIC | {"max_record_kib": 64}) for name in names})
        self.handler = DoublingHandler(f"plumbing.{self.name}", self.target)
        with system.database() as connection:
            connection.execute(f"create table {self.handler.table} (number bigint primary key)")
        url = SecretStr(system.stack.database_url())
        self.settings = Settings(kafka=system.kafka, database_url=url, **changes)
        self.failure: BaseException | None = None
        self.consumer = self._create_consumer()

    def _create_consumer(self) -> BatchConsumer[int]:
        registry = CollectorRegistry()
        self.database = Database(self.settings.database_url, name=self.name, size=2)
        return BatchConsumer(
            self.handler,
            service=self.name,
            topics=[self.source],
            settings=self.settings,
            database=self.database,
            health=Health(),
            metrics=ConsumerMetrics(self.name, registry),
        )

    @contextmanager
    def started(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.consumer.stop()
            thread.join(20)
            self.database.close()
            assert not thread.is_alive()

    def _run(self) -> None:
        try:
            self.consumer.run()
        except Exception as error:  # noqa: BLE001 - checked by the test
            self.failure = error

    def another_member(self) -> "ConsumerUnderTest":
        """Return another member of the group, with the same handler."""
        member = copy(self)
        member.settings = self.settings.model_copy(update={"instance": f"{self.name}-1"})
        member.consumer = member._create_consumer()
        return member

    def restart(self) -> None:
        """Replace the consumer by another one of the same name, as in a new process."""
        self.consumer = self._create_consumer()

    def send(self, *values: bytes, key: bytes | None = b"k") -> None:
        """Publish values under one key; None spreads them over the partitions."""
        publisher = Publisher(self.system.kafka, "tests")
        for value in values if key is None else ():
            publisher.publish([Outgoing(self.source, None, value, [])])
        if key is not None:
            publisher.publish([Outgoing(self.source, key, value, []) for value in values])
        publisher.close()

    def saved(self) -> list[int]:
        with self.system.database() as connection:
            rows = connection.execute(f"select number from {self.handler.table} order by 1").fetchall()  # noqa: S608
        return [number for (number,) in rows]

    def published(self) -> list[int]:
        return [int(each.value or b"") for each in topic_reader.read_all(self.system.kafka, self.target)]

    def committed(self) -> int:
        """Return how many records of its topic the group has committed."""
        offsets = consumer_offsets(self.system.kafka, f"duban-{self.name}")
        return sum(offset for topic, offset in offsets if topic == self.source)

    def dead_letters(self) -> list[tuple[bytes, str]]:
        return [
            (each.value, each.details["reason"])
            for each in dead_letter_admin.unresolved(self.system.kafka)
            if each.details["topic"] == self.source
        ]
