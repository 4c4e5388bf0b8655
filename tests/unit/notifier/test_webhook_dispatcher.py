"""The task that sends one subscriber's messages: an error with one message or one round stops neither."""

import asyncio
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
from services.notifier.webhook_client import SubscriberConnection
from services.notifier.webhook_dispatcher import WebhookDispatcher
from services.shared.postgres.database import Database
from services.shared.runtime.clock import SystemClock


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
    database, metrics = cast("Database", StubDatabase()), NotifierMetrics(registry)
    made = WebhookDispatcher(NotifierSettings(), database, metrics, SystemClock())
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
