"""The delivery loop on a real broker and a real database: nothing dropped, nothing blocked, nothing twice."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from services.shared.kafka import dead_letter_admin as box
from services.shared.kafka import topic_reader, topics
from services.shared.kafka.batch_consumer import BatchConsumer, BatchResult, Message
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Incoming, Outgoing
from services.shared.kafka.topics import Topic
from services.shared.observability.health_server import Health
from services.shared.observability.metrics import ConsumerMetrics
from services.shared.postgres.database import Database
from services.shared.runtime.errors import DeadLetterBound, InvalidMessage, LostRace
from services.shared.runtime.settings import Settings
from tests.builders import eventually
from tests.system import System

TOPIC = {"title": "x", "key": "x", "producers": ["x"], "consumers": ["x"], "cleanup": "delete", "retention_hours": 1}


class Doubling:
    """A service that keeps numbers and publishes their double; some numbers make it fail."""

    def __init__(self, table: str, target: str) -> None:
        self.table = table
        self.target = target
        self.races = 0

    def decode(self, record: Incoming) -> int:
        told = json.loads(record.value or b"null")
        if not isinstance(told, int):
            raise InvalidMessage("bad_schema", "number: send a number", field="number", sender="tests")
        return told

    def handle(self, batch: Sequence[Message[int]], connection: psycopg.Connection) -> BatchResult:
        if self.races:
            self.races -= 1
            raise LostRace
        for each in batch:
            if each.body == 13:
                raise ZeroDivisionError
            connection.execute(f"insert into {self.table} values (%s) on conflict do nothing", (each.body,))  # noqa: S608
        return BatchResult(publish=[[Outgoing(self.target, b"k", str(each.body * 2).encode(), []) for each in batch]])


class Running:
    """A loop in a thread, with its topics and its table."""

    def __init__(self, system: System, **changes: Any) -> None:
        self.system = system
        self.name = f"t{uuid4().hex[:12]}"
        self.source, self.target = f"{self.name}.in", f"{self.name}.out"
        listed = {each: Topic.model_validate(TOPIC | {"max_record_kib": 64}) for each in (self.source, self.target)}
        topics.create(system.kafka, listed)
        self.stage = Doubling(f"plumbing.{self.name}", self.target)
        with system.database() as connection:
            connection.execute(f"create table {self.stage.table} (number bigint primary key)")
        url = SecretStr(system.stack.database_url())
        self.settings = Settings(kafka=system.kafka, database_url=url, **changes)
        self.failure: BaseException | None = None
        self.loop = self._loop()

    def _loop(self) -> BatchConsumer[int]:
        registry = CollectorRegistry()
        self.database = Database(self.settings.database_url, name=self.name, size=2)
        return BatchConsumer(
            self.stage,
            service=self.name,
            topics=[self.source],
            settings=self.settings,
            database=self.database,
            health=Health(),
            metrics=ConsumerMetrics(self.name, registry),
        )

    @contextmanager
    def on(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.loop.stop()
            thread.join(20)
            self.database.close()
            assert not thread.is_alive()

    def _run(self) -> None:
        try:
            self.loop.run()
        except Exception as error:  # noqa: BLE001 - looked at by the test
            self.failure = error

    def again(self) -> None:
        """A new process under the same name."""
        self.loop = self._loop()

    def send(self, *values: bytes) -> None:
        publisher = Publisher(self.system.kafka, "tests")
        publisher.publish([Outgoing(self.source, b"k", value, []) for value in values])
        publisher.close()

    def kept(self) -> list[int]:
        with self.system.database() as connection:
            rows = connection.execute(f"select number from {self.stage.table} order by 1").fetchall()  # noqa: S608
        return [number for (number,) in rows]

    def published(self) -> list[int]:
        return [int(each.value or b"") for each in topic_reader.whole(self.system.kafka, self.target)]

    def buried(self) -> list[tuple[bytes, str]]:
        return [
            (each.value, each.told["reason"])
            for each in box.letters(self.system.kafka)
            if each.told["topic"] == self.source
        ]


@pytest.mark.requirement("R2.5")
def test_a_bad_record_goes_to_dead_letters_and_the_others_go_on(system: System) -> None:
    """Promise 5."""
    running = Running(system)
    with running.on():
        running.send(b"1", b'"two"', b"2", b"\xff")
        eventually(lambda: running.kept() == [1, 2] and running.published() == [2, 4])
        eventually(lambda: len(running.buried()) == 2)
    assert dict(running.buried()) == {b'"two"': "bad_schema", b"\xff": "bug"}


def test_a_record_that_our_own_code_fails_on_is_found_alone(system: System) -> None:
    running = Running(system)
    with running.on():
        running.send(b"1", b"13", b"2")
        eventually(lambda: running.kept() == [1, 2])
        (letter,) = eventually(running.buried)
    assert letter == (b"13", "bug")


def test_a_lost_race_is_decided_again(system: System) -> None:
    running = Running(system)
    running.stage.races = 3
    with running.on():
        running.send(b"5")
        eventually(lambda: running.published() == [10])


def test_a_stopped_service_goes_on_where_it_was(system: System) -> None:
    running = Running(system)
    with running.on():
        running.send(b"1")
        eventually(lambda: running.published() == [2])
    running.send(b"2")
    running.again()
    with running.on():
        eventually(lambda: running.published() == [2, 4])


def test_too_many_dead_letters_stop_the_service_and_drain_nothing(system: System) -> None:
    running = Running(system, dead_letters_per_hour=3, batch_size=2)
    running.send(*[b'"x"'] * 10)
    with running.on():
        failure = eventually(lambda: running.failure)
    assert isinstance(failure, DeadLetterBound)
    assert "duban dlq list" in str(failure)
    assert len(running.buried()) <= 3
    running.again()
    running.failure = None
    with running.on():
        assert isinstance(eventually(lambda: running.failure), DeadLetterBound)


def test_the_database_may_be_away_for_a_while(system: System) -> None:
    running = Running(system)
    with running.on():
        running.send(b"1")
        eventually(lambda: running.published() == [2])
        with system.outage("postgres"):
            running.send(b"2", b"3")
        eventually(lambda: running.published() == [2, 4, 6], within=60)
    system.wait_until_ready()


def test_the_broker_may_be_away_for_a_while(system: System) -> None:
    running = Running(system)
    with running.on():
        running.send(b"1")
        eventually(lambda: running.published() == [2])
        with system.outage("kafka"):
            pass
        running.send(b"2")
        eventually(lambda: running.kept() == [1, 2], within=60)
        eventually(lambda: sorted(set(running.published())) == [2, 4], within=60)
    system.wait_until_ready()
