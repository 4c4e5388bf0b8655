"""What the service acknowledges, what it buries, and how it ends."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from services.domain.ids import command_digest
from services.hot_issues import handlers, store
from services.hot_issues.domain.signal import TicketSignal
from services.hot_issues.handlers import BurstDetector, join
from services.hot_issues.metrics import HotIssueMetrics
from services.hot_issues.settings import HotIssueSettings
from services.hot_issues.store import IssueMembership
from services.shared.kafka.dead_letters import DeadLetterCandidate
from services.shared.kafka.producer import Producer
from services.shared.observability.health_server import Health
from services.shared.runtime.clock import SystemClock
from services.shared.runtime.errors import DeadLetterBound, Retryable
from tests.builders import MORNING, TicketScenario

NESTED = b'{"more": ' + b"[" * 100_000
TOLD = TicketScenario.opened().events[-1]


@dataclass
class Event:
    """An event of the app that remembers whether it was acknowledged."""

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


class NoDatabase:
    """Gives transactions that hold nothing."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        yield


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "WITHIN", 0.0)
    monkeypatch.setattr(handlers, "judge", lambda *_, **__: None)
    for name in ("note", "unclosed", "unpublished", "untold", "forget"):
        monkeypatch.setattr(store, name, lambda *_, **__: [])


def _of(city: str) -> Event:
    customer = TOLD.ticket.customer.replace(city=city)
    return Event(TOLD.replace(ticket=TOLD.ticket.replace(customer=customer)).to_json())


def _watch() -> BurstDetector:
    settings, metrics = HotIssueSettings(), HotIssueMetrics(CollectorRegistry())
    producer = Producer(settings.kafka, "tests", idempotent=False)
    return BurstDetector(settings, NoDatabase(), SystemClock(), Health(), metrics, producer)  # type: ignore[arg-type]


def _run(*events: Event) -> BurstDetector:
    """Let the service work until the events are acknowledged, or it has ended by itself."""

    async def body() -> BurstDetector:
        watch = _watch()
        async with asyncio.timeout(10):
            await watch.start()
            for each in events:
                await watch.hand_in(each)
            done = [asyncio.ensure_future(each.done.wait()) for each in events]
            all_done, ended = asyncio.gather(*done), asyncio.ensure_future(watch.wait_until_stopped())
            await asyncio.wait((all_done, ended), return_when=asyncio.FIRST_COMPLETED)
            await watch.stop()
        return watch

    return asyncio.run(body())


def test_what_is_saved_is_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[TicketSignal] = []
    monkeypatch.setattr(store, "note", lambda _, signs: noted.extend(signs))
    events = [_of("长沙"), _of("衡阳")]
    assert _run(*events).crash_reason is None
    assert [each.kind.region for each in noted] == ["长沙", "衡阳"]


def test_an_error_ends_the_service_and_acknowledges_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    trouble = LookupError("no such column")

    def note(*_: object) -> None:
        raise trouble

    monkeypatch.setattr(store, "note", note)
    event = _of("长沙")
    assert _run(event).crash_reason is trouble
    assert not event.acknowledged


def test_too_many_dead_letters_end_the_service_and_acknowledge_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def bury(*_: object) -> None:
        raise DeadLetterBound("more than 1000")

    monkeypatch.setattr(handlers, "bury", bury)
    event = Event(b"{}")
    assert isinstance(_run(event).crash_reason, DeadLetterBound)
    assert not event.acknowledged


def test_what_cannot_be_read_is_buried_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    buried: list[DeadLetterCandidate] = []

    async def bury(refused: list[DeadLetterCandidate], *_: object) -> None:
        buried.extend(refused)

    monkeypatch.setattr(handlers, "bury", bury)
    noted: list[TicketSignal] = []
    monkeypatch.setattr(store, "note", lambda _, signs: noted.extend(signs))
    assert _run(Event(NESTED), Event(b"{}"), _of("长沙")).crash_reason is None
    assert [each.reason for each in buried] == ["bad_syntax", "bad_schema"]
    assert len(noted) == 1


def test_an_event_waits_while_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [Retryable("the database is away")]

    def note(*_: object) -> None:
        if left:
            raise left.pop()

    monkeypatch.setattr(store, "note", note)
    monkeypatch.setattr(handlers, "AWAY", 0.0)
    event = _of("长沙")
    assert _run(event).crash_reason is None
    assert event.acknowledged
    assert not left


def test_everything_that_counts_no_more_is_forgotten_however_much_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    more = [False, True, True]
    monkeypatch.setattr(store, "forget", lambda *_, **__: more.pop())

    async def body() -> None:
        await _watch().forget()

    asyncio.run(body())
    assert more == []


def test_a_link_is_the_same_command_however_often_it_is_told() -> None:
    link = IssueMembership(uuid4(), uuid4(), MORNING, 12)
    assert join(link) == join(link)
    assert command_digest(join(link)) == command_digest(join(link._replace(linked_at=MORNING + timedelta(hours=1))))
