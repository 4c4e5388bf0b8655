"""What the service acknowledges, what becomes a dead letter, and how it ends."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.errors import MessageSizeTooLargeError
from prometheus_client import CollectorRegistry

from schemas.command import Command
from schemas.hot_issue import HotIssue
from services.domain.ids import command_digest
from services.hot_issues import handlers, store
from services.hot_issues.domain.signal import TicketSignal
from services.hot_issues.handlers import BurstDetector, link_command
from services.hot_issues.metrics import HotIssueMetrics
from services.hot_issues.settings import HotIssueSettings
from services.hot_issues.store import IssueMembership
from services.shared.kafka import dead_letters, producer
from services.shared.kafka.async_publisher import AsyncPublisher
from services.shared.kafka.dead_letters import DeadLetterCandidate
from services.shared.kafka.unreadable_batches import RawBatch
from services.shared.observability.health_server import Health
from services.shared.runtime.clock import SystemClock
from services.shared.runtime.errors import Retryable, TooManyBugs
from tests.builders import MORNING, TicketScenario
from tests.unit.shared.kafka_client import SETTINGS, FakeKafkaClient

NESTED = b'{"more": ' + b"[" * 100_000
TICKET_EVENT = TicketScenario.opened().events[-1]


@dataclass
class FaustEvent:
    """An event of the Faust app that remembers whether it was acknowledged."""

    value: bytes
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def acknowledged(self) -> bool:
        return self.done.is_set()

    @property
    def message(self) -> Any:
        return SimpleNamespace(topic="tickets.events", partition=0, offset=7, key=None, value=self.value, headers=())

    def ack(self) -> None:
        self.done.set()


class NullDatabase:
    """Provides transactions without a connection."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        yield


@pytest.fixture(autouse=True)
def _stub_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "BATCH_WINDOW", 0.0)
    monkeypatch.setattr(handlers, "evaluate", lambda *_, **__: None)
    for name in ("save_signals", "unclosed_issues", "unpublished_issues", "unpublished_links", "delete_old_signals"):
        monkeypatch.setattr(store, name, lambda *_, **__: [])


def _of(city: str) -> FaustEvent:
    customer = TICKET_EVENT.ticket.customer.replace(city=city)
    return FaustEvent(TICKET_EVENT.replace(ticket=TICKET_EVENT.ticket.replace(customer=customer)).to_json())


def _detector() -> BurstDetector:
    settings, metrics = HotIssueSettings(), HotIssueMetrics(CollectorRegistry())
    publisher = AsyncPublisher(SETTINGS, "tests")
    return BurstDetector(settings, NullDatabase(), SystemClock(), Health(), metrics, publisher)  # type: ignore[arg-type]


def _run(*events: FaustEvent) -> BurstDetector:
    """Run the service until the events are acknowledged, or until it has ended by itself."""

    async def body() -> BurstDetector:
        detector = _detector()
        async with asyncio.timeout(10):
            await detector.start()
            for each in events:
                await detector.submit(each)
            done = [asyncio.ensure_future(each.done.wait()) for each in events]
            all_done, ended = asyncio.gather(*done), asyncio.ensure_future(detector.wait_until_stopped())
            await asyncio.wait((all_done, ended), return_when=asyncio.FIRST_COMPLETED)
            await detector.stop()
        return detector

    return asyncio.run(body())


def test_saved_events_are_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[TicketSignal] = []
    monkeypatch.setattr(store, "save_signals", lambda _, signals: saved.extend(signals))
    events = [_of("长沙"), _of("衡阳")]
    assert _run(*events).crash_reason is None
    assert [each.key.region for each in saved] == ["长沙", "衡阳"]


def test_an_error_ends_the_service_and_acknowledges_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    trouble = LookupError("no such column")

    def save(*_: object) -> None:
        raise trouble

    monkeypatch.setattr(store, "save_signals", save)
    event = _of("长沙")
    assert _run(event).crash_reason is trouble
    assert not event.acknowledged


def test_too_many_dead_letters_end_the_service_and_acknowledge_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def publish(*_: object) -> None:
        raise TooManyBugs("more than 1000")

    monkeypatch.setattr(handlers, "publish_dead_letters", publish)
    event = FaustEvent(b"{}")
    assert isinstance(_run(event).crash_reason, TooManyBugs)
    assert not event.acknowledged


def test_invalid_events_become_dead_letters_and_the_others_are_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    invalid: list[DeadLetterCandidate] = []

    async def publish(candidates: list[DeadLetterCandidate], *_: object) -> None:
        invalid.extend(candidates)

    monkeypatch.setattr(handlers, "publish_dead_letters", publish)
    saved: list[TicketSignal] = []
    monkeypatch.setattr(store, "save_signals", lambda _, signals: saved.extend(signals))
    raw = RawBatch(b"raw", 5, "its checksum is wrong")
    assert _run(FaustEvent(NESTED), FaustEvent(b"{}"), FaustEvent(raw), _of("长沙")).crash_reason is None
    assert [each.reason for each in invalid] == ["bad_syntax", "bad_schema", "unreadable"]
    assert len(saved) == 1


def test_an_event_waits_while_the_database_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [Retryable("the database is unavailable")]

    def save(*_: object) -> None:
        if left:
            raise left.pop()

    monkeypatch.setattr(store, "save_signals", save)
    monkeypatch.setattr(handlers, "DATABASE_RETRY", 0.0)
    event = _of("长沙")
    assert _run(event).crash_reason is None
    assert event.acknowledged
    assert not left


def test_all_old_signals_are_deleted_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    more = [False, True, True]
    monkeypatch.setattr(store, "delete_old_signals", lambda *_, **__: more.pop())

    async def body() -> None:
        await _detector().purge_old_signals()

    asyncio.run(body())
    assert more == []


@pytest.mark.requirement("R3.7")
def test_a_change_that_is_never_taken_becomes_a_dead_letter_and_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client, marked, done = FakeKafkaClient(), list[IssueMembership](), threading.Event()
    links = [IssueMembership(uuid4(), uuid4(), MORNING, 12, MORNING) for _ in range(3)]
    refused = link_command(links[1]).to_json()
    client.error_for = lambda topic, batch: (
        MessageSizeTooLargeError() if topic == Command.TOPIC and refused in batch else None
    )
    monkeypatch.setattr(producer, "AIOKafkaProducer", client.create)
    monkeypatch.setattr(store, "unpublished_links", lambda _: [each for each in links if each not in marked])

    def mark(_: None, links: list[IssueMembership], issues: list[HotIssue]) -> None:  # noqa: ARG001 - by its name
        marked.extend(links)
        done.set()

    monkeypatch.setattr(store, "mark_published", mark)

    async def body() -> None:
        detector = _detector()
        await detector.start()
        assert await asyncio.to_thread(done.wait, 10)
        await detector.stop()

    asyncio.run(body())
    assert marked == links
    assert len(client.values(Command.TOPIC)) == 2
    assert client.values(dead_letters.TOPIC) == [refused]


def test_a_link_is_the_same_command_however_often_it_is_sent() -> None:
    link = IssueMembership(uuid4(), uuid4(), MORNING, 12, MORNING)
    assert link_command(link) == link_command(link)
    assert command_digest(link_command(link)) == command_digest(
        link_command(link._replace(linked_at=MORNING + timedelta(hours=1)))
    )
