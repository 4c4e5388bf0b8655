"""Lines to receivers and the tasks that use them: what hangs or breaks for one subscriber is nothing to another."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from services.notifier import subscribers, webhook_dispatcher
from services.notifier.domain import webhook
from services.notifier.metrics import NotifierMetrics
from services.notifier.settings import NotifierSettings
from services.notifier.subscribers import Subscriber, WebhookDelivery
from services.notifier.webhook_client import AddressNotAllowed, Resolver, SubscriberConnection, resolved
from services.notifier.webhook_dispatcher import WebhookDispatcher
from services.shared.postgres.database import Database

FOUND = [(2, 1, 6, "", ("203.0.113.7", 443))]


@contextmanager
def hanging() -> Iterator[tuple[threading.Semaphore, Any]]:
    """Give a way to look names up that hangs until the block is over, and a count of how often it was asked."""
    over, asked = threading.Event(), threading.Semaphore(0)

    def look_up(*_: object, **__: object) -> list[Any]:
        asked.release()
        over.wait(30)
        return FOUND

    try:
        yield asked, look_up
    finally:
        over.set()


def test_many_look_ups_that_hang_delay_no_other_and_hold_one_thread_each() -> None:
    async def work(look_up: Any, asked: threading.Semaphore) -> list[str]:
        hung = [Resolver(look_up) for _ in range(100)]
        waiting = [asyncio.create_task(each.addresses("away.example", 443)) for each in hung for _ in range(8)]
        await asyncio.sleep(0)
        assert all(asked.acquire(timeout=10) for _ in hung)
        found = await Resolver(lambda *_, **__: FOUND).addresses("here.example", 443)
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return found

    with hanging() as (asked, look_up):
        assert asyncio.run(work(look_up, asked)) == ["203.0.113.7"]
        assert not asked.acquire(blocking=False)


def test_a_look_up_has_a_time_limit_and_is_not_begun_again_while_it_hangs() -> None:
    async def work(look_up: Any) -> None:
        resolver = Resolver(look_up)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await resolver.addresses("away.example", 443, within=0.01)

    with hanging() as (asked, look_up):
        asyncio.run(work(look_up))
        assert asked.acquire(timeout=10)
        assert not asked.acquire(blocking=False)


@pytest.mark.parametrize("error", [OSError("no such name"), UnicodeError("label too long"), OverflowError("port")])
def test_a_name_that_nobody_knows_is_refused(error: Exception) -> None:
    def look_up(*_: object, **__: object) -> list[Any]:
        raise error

    with pytest.raises(AddressNotAllowed, match=r"away\.example is not known"):
        asyncio.run(resolved("https://away.example/x", private=False, resolver=Resolver(look_up)))


@pytest.mark.parametrize("url", ["http://[::1", "https://", "example.org/hook", "ftp://example.org", "http://a:b:c/"])
def test_what_is_no_address_is_refused_with_what_to_write(url: str) -> None:
    with pytest.raises(AddressNotAllowed, match="write it as https://host/path"):
        asyncio.run(resolved(url, private=True))


class NoDatabase:
    """Gives nothing, for statements that are not made."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Give nothing."""
        yield None


SUBSCRIBER = Subscriber(uuid4(), "crm", "https://crm.example", (), ("broken",), None, private=False)


def sending(monkeypatch: pytest.MonkeyPatch) -> tuple[WebhookDispatcher, CollectorRegistry]:
    monkeypatch.setattr(webhook_dispatcher, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(webhook_dispatcher, "LOOK_EVERY", 0.001)
    counts = CollectorRegistry()
    made = WebhookDispatcher(NotifierSettings(), cast("Database", NoDatabase()), NotifierMetrics(counts))
    made._known = {SUBSCRIBER.id: SUBSCRIBER}
    return made, counts


def served(made: WebhookDispatcher) -> None:
    async def work() -> None:
        await made._serve(SUBSCRIBER.id, cast("SubscriberConnection", None))

    with made._steps:
        asyncio.run(work())


def faults(counts: CollectorRegistry) -> float | None:
    return counts.get_sample_value("duban_webhook_faults_total")


def test_a_task_that_breaks_is_counted_and_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made, counts = sending(monkeypatch)
    rounds: list[int] = []

    def take(*_: object, **__: object) -> list[WebhookDelivery]:
        rounds.append(1)
        if len(rounds) <= 3:
            raise KeyError("a fault of ours")
        made.stop()
        return []

    monkeypatch.setattr(subscribers, "take", take)
    served(made)
    assert (len(rounds), faults(counts)) == (4, 3)


def test_a_message_that_breaks_something_counts_as_tried_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    made, counts = sending(monkeypatch)
    broken, whole = (WebhookDelivery(uuid4(), uuid4(), 1, b"{}", 1) for _ in range(2))
    batches, tried = [[broken, whole]], dict[Any, str]()

    def take(*_: object, **__: object) -> list[WebhookDelivery]:
        if batches:
            return batches.pop()
        made.stop()
        return []

    async def asked(_: Subscriber, hook: WebhookDelivery, __: SubscriberConnection) -> webhook.WebhookResponse:
        if hook is broken:
            raise RuntimeError("a fault of ours")
        return webhook.WebhookResponse(503, "²")

    def again(_: object, __: object, event: Any, ___: object, error: str, *, seconds: float) -> None:
        tried[event] = error
        assert seconds >= webhook.WAITS[0]

    monkeypatch.setattr(subscribers, "take", take)
    monkeypatch.setattr(subscribers, "again", again)
    monkeypatch.setattr(made, "_ask", asked)
    served(made)
    assert tried == {broken.event_id: "could not be sent (RuntimeError)", whole.event_id: "answered 503"}
    assert faults(counts) == 1
