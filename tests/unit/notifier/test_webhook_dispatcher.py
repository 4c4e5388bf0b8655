"""Webhook connections and tasks: a receiver that hangs or an error for one subscriber affects no other."""

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
from services.notifier.webhook_client import AddressNotAllowed, Resolver, SubscriberConnection, resolve_url
from services.notifier.webhook_dispatcher import WebhookDispatcher
from services.shared.postgres.database import Database

FOUND = [(2, 1, 6, "", ("203.0.113.7", 443))]


@contextmanager
def hanging() -> Iterator[tuple[threading.Semaphore, Any]]:
    """Yield a counter of look-ups that were started, and a look-up function that hangs until the block ends."""
    ended, started = threading.Event(), threading.Semaphore(0)

    def lookup(*_: object, **__: object) -> list[Any]:
        started.release()
        ended.wait(30)
        return FOUND

    try:
        yield started, lookup
    finally:
        ended.set()


def test_many_look_ups_that_hang_delay_no_other_and_hold_one_thread_each() -> None:
    async def resolve(lookup: Any, started: threading.Semaphore) -> list[str]:
        resolvers = [Resolver(lookup) for _ in range(100)]
        tasks = [asyncio.create_task(resolver.resolve("away.example", 443)) for resolver in resolvers for _ in range(8)]
        await asyncio.sleep(0)
        assert all(started.acquire(timeout=10) for _ in resolvers)
        found = await Resolver(lambda *_, **__: FOUND).resolve("here.example", 443)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return found

    with hanging() as (started, lookup):
        assert asyncio.run(resolve(lookup, started)) == ["203.0.113.7"]
        assert not started.acquire(blocking=False)


def test_a_look_up_has_a_time_limit_and_is_not_started_again_while_it_hangs() -> None:
    async def resolve(lookup: Any) -> None:
        resolver = Resolver(lookup)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await resolver.resolve("away.example", 443, time_limit=0.01)

    with hanging() as (started, lookup):
        asyncio.run(resolve(lookup))
        assert started.acquire(timeout=10)
        assert not started.acquire(blocking=False)


@pytest.mark.parametrize("error", [OSError("no such name"), UnicodeError("label too long"), OverflowError("port")])
def test_an_unknown_host_is_refused(error: Exception) -> None:
    def lookup(*_: object, **__: object) -> list[Any]:
        raise error

    with pytest.raises(AddressNotAllowed, match=r"away\.example is not known"):
        asyncio.run(resolve_url("https://away.example/x", private=False, resolver=Resolver(lookup)))


@pytest.mark.parametrize("url", ["http://[::1", "https://", "example.org/hook", "ftp://example.org", "http://a:b:c/"])
def test_an_invalid_url_is_refused_with_what_to_write(url: str) -> None:
    with pytest.raises(AddressNotAllowed, match="write it as https://host/path"):
        asyncio.run(resolve_url(url, private=True))


class StubDatabase:
    """A database without a connection, for tests that replace every statement."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Yield no connection."""
        yield None


SUBSCRIBER = Subscriber(uuid4(), "crm", "https://crm.example", (), ("broken",), None, private=False)


def dispatcher(monkeypatch: pytest.MonkeyPatch) -> tuple[WebhookDispatcher, CollectorRegistry]:
    monkeypatch.setattr(webhook_dispatcher, "FIRST_BACKOFF", 0.0)
    monkeypatch.setattr(webhook_dispatcher, "POLL_INTERVAL", 0.001)
    registry = CollectorRegistry()
    made = WebhookDispatcher(NotifierSettings(), cast("Database", StubDatabase()), NotifierMetrics(registry))
    made._subscribers = {SUBSCRIBER.id: SUBSCRIBER}
    return made, registry


def serve(made: WebhookDispatcher) -> None:
    async def run() -> None:
        await made._serve(SUBSCRIBER.id, cast("SubscriberConnection", None))

    with made._executor:
        asyncio.run(run())


def faults(registry: CollectorRegistry) -> float | None:
    return registry.get_sample_value("duban_webhook_faults_total")


def test_a_task_that_fails_is_counted_and_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made, registry = dispatcher(monkeypatch)
    rounds: list[int] = []

    def lease_due(*_: object, **__: object) -> list[WebhookDelivery]:
        rounds.append(1)
        if len(rounds) <= 3:
            raise KeyError("an internal error")
        made.stop()
        return []

    monkeypatch.setattr(subscribers, "lease_due", lease_due)
    serve(made)
    assert (len(rounds), faults(registry)) == (4, 3)


def test_an_error_with_one_message_counts_as_an_attempt_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, registry = dispatcher(monkeypatch)
    broken, sound = (WebhookDelivery(uuid4(), uuid4(), 1, b"{}", 1) for _ in range(2))
    batches, errors = [[broken, sound]], dict[Any, str]()

    def lease_due(*_: object, **__: object) -> list[WebhookDelivery]:
        if batches:
            return batches.pop()
        made.stop()
        return []

    async def post(_: Subscriber, delivery: WebhookDelivery, __: SubscriberConnection) -> webhook.WebhookResponse:
        if delivery is broken:
            raise RuntimeError("an internal error")
        return webhook.WebhookResponse(503, "²")

    def schedule_retry(_: object, __: object, event: Any, ___: object, error: str, *, seconds: float) -> None:
        errors[event] = error
        assert seconds >= webhook.RETRY_DELAYS[0]

    monkeypatch.setattr(subscribers, "lease_due", lease_due)
    monkeypatch.setattr(subscribers, "schedule_retry", schedule_retry)
    monkeypatch.setattr(made, "_post", post)
    serve(made)
    assert errors == {broken.event_id: "could not be sent (RuntimeError)", sound.event_id: "answered 503"}
    assert faults(registry) == 1
