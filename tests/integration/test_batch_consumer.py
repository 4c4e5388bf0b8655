"""The batch consumer on a real broker and database: nothing is dropped, blocked or saved twice."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from kafka import KafkaAdminClient
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from services.shared.kafka import dead_letter_admin, topic_reader, topics
from services.shared.kafka.batch_consumer import BatchConsumer, BatchResult, Message
from services.shared.kafka.connection import client_options
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Incoming, Outgoing
from services.shared.kafka.topics import Topic
from services.shared.observability.health_server import Health
from services.shared.observability.metrics import ConsumerMetrics
from services.shared.postgres.database import Database
from services.shared.runtime.errors import DeadLetterLimitExceeded, InvalidMessage, LostRace, Retryable
from services.shared.runtime.settings import KafkaSettings, Settings
from tests.builders import eventually
from tests.system import System

TOPIC = {"title": "x", "key": "x", "producers": ["x"], "consumers": ["x"], "cleanup": "delete", "retention_hours": 1}


class DoublingHandler:
    """Saves numbers and publishes their doubles; 13 makes it fail, and `races` are lost first."""

    def __init__(self, table: str, target: str) -> None:
        self.table = table
        self.target = target
        self.races = 0
        self.unreadable = 0
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

    def handle(self, batch: Sequence[Message[int]], connection: psycopg.Connection) -> BatchResult:
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

    def restart(self) -> None:
        """Replace the consumer by another one of the same name, as in a new process."""
        self.consumer = self._create_consumer()

    def send(self, *values: bytes) -> None:
        publisher = Publisher(self.system.kafka, "tests")
        publisher.publish([Outgoing(self.source, b"k", value, []) for value in values])
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


@pytest.mark.requirement("R2.5")
def test_an_invalid_record_becomes_a_dead_letter_and_the_others_are_handled(system: System) -> None:
    """Promise 5."""
    tested = ConsumerUnderTest(system)
    with tested.started():
        tested.send(b"1", b'"two"', b"2", b"\xff")
        eventually(lambda: tested.saved() == [1, 2] and tested.published() == [2, 4])
        eventually(lambda: len(tested.dead_letters()) == 2)
    assert dict(tested.dead_letters()) == {b'"two"': "bad_schema", b"\xff": "bug"}


def test_only_the_record_on_which_our_code_fails_becomes_a_dead_letter(system: System) -> None:
    tested = ConsumerUnderTest(system)
    with tested.started():
        tested.send(b"1", b"13", b"2")
        eventually(lambda: tested.saved() == [1, 2])
        (letter,) = eventually(tested.dead_letters)
    assert letter == (b"13", "bug")


@pytest.mark.requirement("R2.5")
def test_what_is_published_too_large_is_a_dead_letter_and_the_rest_goes_on(system: System) -> None:
    """Promise 5."""
    tested = ConsumerUnderTest(system)
    tested.handler.oversized = {2: b"".join(uuid4().bytes for _ in range(20_000))}
    with tested.started():
        tested.send(b"1", b"2", b"3")
        eventually(lambda: tested.published() == [2, 6])
        eventually(lambda: tested.committed() == 3)
    letters = [each for each in dead_letter_admin.unresolved(system.kafka) if each.details["topic"] == tested.target]
    assert [(letter.value, letter.details["reason"]) for letter in letters] == [
        (tested.handler.oversized[2], "too_large")
    ]


def test_a_batch_is_handled_again_after_a_lost_race(system: System) -> None:
    tested = ConsumerUnderTest(system)
    tested.handler.races = 3
    with tested.started():
        tested.send(b"5")
        eventually(lambda: tested.published() == [10])


def test_a_record_waits_while_what_it_is_decoded_with_is_not_available(system: System) -> None:
    tested = ConsumerUnderTest(system)
    tested.handler.unreadable = 2
    with tested.started():
        tested.send(b"6")
        eventually(lambda: tested.published() == [12])
    assert tested.dead_letters() == []


def test_a_restarted_service_goes_on_where_it_stopped(system: System) -> None:
    tested = ConsumerUnderTest(system)
    with tested.started():
        tested.send(b"1")
        eventually(lambda: tested.published() == [2])
    tested.send(b"2")
    tested.restart()
    with tested.started():
        eventually(lambda: tested.published() == [2, 4])


def test_too_many_dead_letters_stop_the_service_before_the_topic_is_drained(system: System) -> None:
    tested = ConsumerUnderTest(system, dead_letters_per_hour=3, batch_size=2)
    tested.send(*[b'"x"'] * 10)
    with tested.started():
        failure = eventually(lambda: tested.failure)
    assert isinstance(failure, DeadLetterLimitExceeded)
    assert "duban dlq list" in str(failure)
    assert len(tested.dead_letters()) <= 3
    tested.restart()
    tested.failure = None
    with tested.started():
        assert isinstance(eventually(lambda: tested.failure), DeadLetterLimitExceeded)


def test_an_outage_of_the_database_is_survived(system: System) -> None:
    tested = ConsumerUnderTest(system)
    with tested.started():
        tested.send(b"1")
        eventually(lambda: tested.published() == [2])
        with system.outage("postgres"):
            tested.send(b"2", b"3")
        eventually(lambda: tested.published() == [2, 4, 6], within=60)
    system.wait_until_ready()


def test_an_outage_of_the_broker_is_survived(system: System) -> None:
    tested = ConsumerUnderTest(system)
    with tested.started():
        tested.send(b"1")
        eventually(lambda: tested.published() == [2])
        with system.outage("kafka"):
            pass
        tested.send(b"2")
        eventually(lambda: tested.saved() == [1, 2], within=60)
        eventually(lambda: sorted(set(tested.published())) == [2, 4], within=60)
    system.wait_until_ready()
