"""Dispatches webhooks: each subscriber has a task and connections of its own, so that a slow one delays no other."""

import asyncio
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

import httpx
import psycopg

from services.notifier import subscribers
from services.notifier.domain import webhook
from services.notifier.domain.webhook import WebhookResponse
from services.notifier.metrics import NotifierMetrics
from services.notifier.settings import NotifierSettings
from services.notifier.subscribers import Subscriber, WebhookDelivery
from services.notifier.webhook_client import MAX_CONCURRENT, Lookup, SubscriberConnection
from services.shared.observability import logs
from services.shared.postgres.database import Database
from services.shared.runtime.clock import Clock
from services.shared.runtime.crash_points import CrashPoints
from services.shared.runtime.errors import Retryable

POLL_INTERVAL = 0.2
"""Real seconds between two polls for due messages when there were none."""
SUBSCRIBERS_INTERVAL = 1.0
"""Real seconds between two looks for new subscribers."""
EXPIRY_INTERVAL = 3_600.0
"""Real seconds between two deletions of expired messages."""
RETENTION = timedelta(days=30)
"""How long a message is kept, delivered or not: it holds personal data."""
DATABASE_THREADS = 2
"""Concurrent transactions; the rest of the service needs connections too."""
FIRST_BACKOFF, LONGEST_BACKOFF = 1.0, 60.0
"""Real seconds before a task that failed starts again; doubled each time until it works."""

T = TypeVar("T")

log = logs.get(__name__)


@dataclass
class SubscriberWorker:
    """The connections of one subscriber, and the task that sends its messages."""

    connection: SubscriberConnection
    task: asyncio.Task[None]


class WebhookDispatcher:
    """Sends queued webhooks to their subscribers until it is stopped."""

    def __init__(
        self,
        settings: NotifierSettings,
        database: Database,
        metrics: NotifierMetrics,
        clock: Clock,
        lookup: Lookup = socket.getaddrinfo,
    ) -> None:
        self._settings = settings
        self._database = database
        self._metrics = metrics
        self._clock = clock
        self._lookup = lookup
        self._crash_points = CrashPoints(settings.faults, "notifier")
        self._stopping = threading.Event()
        self._workers: dict[UUID, SubscriberWorker] = {}
        self._subscribers: dict[UUID, Subscriber] = {}
        # A pool of its own, so that nothing else that blocks in threads delays the transactions.
        self._executor = ThreadPoolExecutor(DATABASE_THREADS, thread_name_prefix="webhooks")

    def stop(self) -> None:
        """Ask the dispatcher to end after the messages in hand."""
        self._stopping.set()

    def run(self, heartbeat: Callable[[], None]) -> None:
        """Send queued messages until `stop` is called."""
        with self._executor:
            asyncio.run(self._supervise(heartbeat))

    async def _supervise(self, heartbeat: Callable[[], None]) -> None:
        """Keep a worker running for each subscriber, and delete expired messages."""
        trust, last_expiry = httpx.create_ssl_context(), time.monotonic()
        while not self._stopping.is_set():
            heartbeat()
            with suppress(Retryable):
                self._subscribers = {each.id: each for each in await self._in_transaction(subscribers.load_all)}
                if time.monotonic() - last_expiry > EXPIRY_INTERVAL:
                    last_expiry = time.monotonic()
                    await self._delete_expired()
            self._start_workers(trust)
            await self._close_ended_workers()
            await asyncio.sleep(SUBSCRIBERS_INTERVAL)
        await asyncio.gather(*[worker.task for worker in self._workers.values()])
        for worker in self._workers.values():
            await worker.connection.close()

    def _start_workers(self, trust: ssl.SSLContext) -> None:
        for id_ in self._subscribers.keys() - self._workers.keys():
            connection = SubscriberConnection(trust, timeout=self._settings.webhook_timeout, lookup=self._lookup)
            self._workers[id_] = SubscriberWorker(connection, asyncio.create_task(self._serve(id_, connection)))

    async def _close_ended_workers(self) -> None:
        for id_ in [id_ for id_, worker in self._workers.items() if worker.task.done()]:
            await self._workers.pop(id_).connection.close()

    async def _delete_expired(self) -> None:
        """Delete messages older than the retention, some thousands at a time."""
        delete = partial(subscribers.delete_expired, before=self._clock.real_now() - RETENTION)
        while count := await self._in_transaction(delete):
            log.info("webhooks_forgotten", count=count)

    async def _serve(self, id_: UUID, connection: SubscriberConnection) -> None:
        """Send one subscriber's messages until the dispatcher is stopped or the subscriber is removed."""
        backoff = FIRST_BACKOFF
        while not self._stopping.is_set() and id_ in self._subscribers:
            try:
                busy = await self._send_batch(self._subscribers[id_], connection)
            except Retryable:
                busy = False
            except Exception:
                # An internal error with this subscriber; the others go on, and so does this one after a backoff.
                self._metrics.webhook_faults.inc()
                log.exception("webhooks_broken", subscriber=str(id_), again_in=backoff)
                await self._sleep(backoff)
                backoff = min(backoff * 2, LONGEST_BACKOFF)
                continue
            backoff = FIRST_BACKOFF
            if not busy:
                await asyncio.sleep(POLL_INTERVAL)

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but end early when the dispatcher is stopped."""
        for _ in range(round(seconds / POLL_INTERVAL)):
            if self._stopping.is_set():
                return
            await asyncio.sleep(POLL_INTERVAL)

    async def _send_batch(self, subscriber: Subscriber, connection: SubscriberConnection) -> bool:
        """Send the due messages of a subscriber; False when there are none."""
        if subscriber.disabled is not None:
            return False
        lease = self._settings.webhook_timeout + self._settings.lease
        deliveries = await self._in_transaction(
            partial(subscribers.lease_due, subscriber=subscriber.id, lease=lease, limit=MAX_CONCURRENT)
        )
        results = await asyncio.gather(
            *[self._send(subscriber, delivery, connection) for delivery in deliveries], return_exceptions=True
        )
        for error in results:
            if error is not None:
                raise error
        return bool(deliveries)

    async def _send(self, subscriber: Subscriber, delivery: WebhookDelivery, connection: SubscriberConnection) -> None:
        """Send one message; an internal error counts as a failed attempt, so that it does not stop the others."""
        try:
            response = await self._post(subscriber, delivery, connection)
            self._crash_points.reach("webhook_answered")
            await self._in_transaction(lambda database: self._settle(database, subscriber, delivery, response))
        except Retryable:
            # What cannot be saved now is sent again after the lease, under the same id.
            return
        except Exception as error:
            self._metrics.webhook_faults.inc()
            log.exception("webhook_broken", subscriber=subscriber.name, event_id=str(delivery.event_id))
            failure = WebhookResponse(None, error=f"could not be sent ({type(error).__name__})")
            with suppress(Retryable):
                await self._in_transaction(lambda database: self._settle(database, subscriber, delivery, failure))

    async def _post(
        self, subscriber: Subscriber, delivery: WebhookDelivery, connection: SubscriberConnection
    ) -> WebhookResponse:
        now = self._clock.real_now()
        headers = webhook.signed_headers(str(delivery.event_id), now, delivery.body, subscriber.secrets)
        private = subscriber.private or self._settings.webhook_private
        return await connection.post(subscriber.url, headers, delivery.body, private=private)

    def _settle(
        self,
        connection: psycopg.Connection,
        subscriber: Subscriber,
        delivery: WebhookDelivery,
        response: WebhookResponse,
    ) -> None:
        verdict, key = response.verdict, (subscriber.id, delivery.event_id)
        if verdict == "delivered":
            assert response.status is not None
            subscribers.mark_delivered(connection, *key, response.status)
        elif verdict == "gone":
            subscribers.schedule_retry(connection, *key, response.status, response.summary, seconds=0)
            subscribers.disable(connection, subscriber.name, "the receiver answered 410: it wants no more")
            log.warning("subscriber_gone", subscriber=subscriber.name)
        else:
            delay = webhook.retry_delay(delivery.attempts, response, random.random(), self._clock.real_now())  # noqa: S311 - jitter
            if delay is None:
                error = f"given up after {delivery.attempts} attempts: {response.summary}"
                subscribers.mark_failed(connection, *key, response.status, error)
            else:
                seconds = delay * self._settings.webhook_pace
                subscribers.schedule_retry(connection, *key, response.status, response.summary, seconds=seconds)
        self._metrics.webhooks.labels(verdict).inc()

    async def _in_transaction(self, operation: Callable[[psycopg.Connection], T]) -> T:
        def run() -> T:
            with self._database.transaction() as connection:
                return operation(connection)

        return await asyncio.get_running_loop().run_in_executor(self._executor, run)
