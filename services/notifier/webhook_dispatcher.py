"""Sending webhooks: each subscriber has a task and a line of its own, so that one that is slow delays no other."""

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
from datetime import UTC, datetime, timedelta
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
from services.notifier.webhook_client import AT_ONCE, LookUp, SubscriberConnection
from services.shared.observability import logs
from services.shared.postgres.database import Database
from services.shared.runtime.crash_points import CrashPoints
from services.shared.runtime.errors import Retryable

LOOK_EVERY = 0.2
SUBSCRIBERS_EVERY = 1.0
"""Real seconds between two looks for new subscribers."""
FORGET_EVERY = 3_600.0
KEPT = timedelta(days=30)
"""How long a message is kept, whatever became of it: it holds personal data."""
DATABASE_THREADS = 2
"""Steps in the database at the same time; the rest of the service needs connections too."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Real seconds before a task that broke begins again; doubled each time until it works."""

T = TypeVar("T")

log = logs.get(__name__)


@dataclass
class SubscriberWorker:
    """What works for one subscriber: its line, and the task that sends its messages."""

    line: SubscriberConnection
    task: asyncio.Task[None]


class WebhookDispatcher:
    """Sends what subscribers still have to get."""

    def __init__(
        self,
        settings: NotifierSettings,
        database: Database,
        metrics: NotifierMetrics,
        look_up: LookUp = socket.getaddrinfo,
    ) -> None:
        self._settings = settings
        self._database = database
        self._metrics = metrics
        self._look_up = look_up
        self._faults = CrashPoints(settings.faults, "notifier")
        self._stopping = threading.Event()
        self._services: dict[UUID, SubscriberWorker] = {}
        self._known: dict[UUID, Subscriber] = {}
        # Of its own: whatever else waits in threads must not keep the database waiting.
        self._steps = ThreadPoolExecutor(DATABASE_THREADS, thread_name_prefix="webhooks")

    def stop(self) -> None:
        """Ask it to end after the messages at hand."""
        self._stopping.set()

    def run(self) -> None:
        """Work until told to stop."""
        with self._steps:
            asyncio.run(self._work())

    async def _work(self) -> None:
        trust, forgotten = httpx.create_ssl_context(), time.monotonic()
        while not self._stopping.is_set():
            with suppress(Retryable):
                self._known = {each.id: each for each in await self._saved(subscribers.all_)}
                if time.monotonic() - forgotten > FORGET_EVERY:
                    forgotten = time.monotonic()
                    await self._forget()
            self._begin(trust)
            await self._end_removed()
            await asyncio.sleep(SUBSCRIBERS_EVERY)
        await asyncio.gather(*[each.task for each in self._services.values()])
        for each in self._services.values():
            await each.line.close()

    def _begin(self, trust: ssl.SSLContext) -> None:
        for id_ in self._known.keys() - self._services.keys():
            line = SubscriberConnection(trust, within=self._settings.webhook_timeout, look_up=self._look_up)
            self._services[id_] = SubscriberWorker(line, asyncio.create_task(self._serve(id_, line)))

    async def _end_removed(self) -> None:
        for id_ in [id_ for id_, each in self._services.items() if each.task.done()]:
            await self._services.pop(id_).line.close()

    async def _forget(self) -> None:
        """Let go of what is older than is kept, some thousands at a time."""
        while count := await self._saved(lambda each: subscribers.forget(each, datetime.now(UTC) - KEPT)):
            log.info("webhooks_forgotten", count=count)

    async def _serve(self, id_: UUID, line: SubscriberConnection) -> None:
        """Send one subscriber's messages until told to stop, or until it is removed."""
        pause = FIRST_PAUSE
        while not self._stopping.is_set() and id_ in self._known:
            try:
                busy = await self._round(self._known[id_], line)
            except Retryable:
                busy = False
            except Exception:
                # A fault of ours with this subscriber; the others go on, and so does it after a while.
                self._metrics.webhook_faults.inc()
                log.exception("webhooks_broken", subscriber=str(id_), again_in=pause)
                await self._paused(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            pause = FIRST_PAUSE
            if not busy:
                await asyncio.sleep(LOOK_EVERY)

    async def _paused(self, seconds: float) -> None:
        """Wait, but not when told to stop."""
        for _ in range(round(seconds / LOOK_EVERY)):
            if self._stopping.is_set():
                return
            await asyncio.sleep(LOOK_EVERY)

    async def _round(self, subscriber: Subscriber, line: SubscriberConnection) -> bool:
        """Send what is due; False when nothing is."""
        if subscriber.disabled is not None:
            return False
        lease = self._settings.webhook_timeout + self._settings.lease
        take = partial(subscribers.take, subscriber=subscriber.id, lease=lease, most=AT_ONCE)
        hooks = await self._saved(take)
        ends = await asyncio.gather(*[self._send(subscriber, each, line) for each in hooks], return_exceptions=True)
        for each in ends:
            if each is not None:
                raise each
        return bool(hooks)

    async def _send(self, subscriber: Subscriber, hook: WebhookDelivery, line: SubscriberConnection) -> None:
        """Send one message; one that breaks something of ours counts as tried, so that it does not stop the others."""
        try:
            answer = await self._ask(subscriber, hook, line)
            self._faults.reach("webhook_answered")
            await self._saved(lambda each: self._settle(each, subscriber, hook, answer))
        except Retryable:
            # What cannot be saved now is sent again after the lease, under the same id.
            return
        except Exception as error:
            self._metrics.webhook_faults.inc()
            log.exception("webhook_broken", subscriber=subscriber.name, event_id=str(hook.event_id))
            failed = WebhookResponse(None, trouble=f"could not be sent ({type(error).__name__})")
            with suppress(Retryable):
                await self._saved(lambda each: self._settle(each, subscriber, hook, failed))

    async def _ask(self, subscriber: Subscriber, hook: WebhookDelivery, line: SubscriberConnection) -> WebhookResponse:
        headers = webhook.signed(str(hook.event_id), datetime.now(UTC), hook.body, subscriber.secrets)
        private = subscriber.private or self._settings.webhook_private
        return await line.ask(subscriber.url, headers, hook.body, private=private)

    def _settle(
        self, connection: psycopg.Connection, subscriber: Subscriber, hook: WebhookDelivery, answer: WebhookResponse
    ) -> None:
        verdict = answer.verdict
        if verdict == "delivered":
            assert answer.status is not None
            subscribers.delivered(connection, subscriber.id, hook.event_id, answer.status)
        elif verdict == "gone":
            subscribers.again(connection, subscriber.id, hook.event_id, answer.status, answer.told, seconds=0)
            subscribers.disable(connection, subscriber.name, "the receiver answered 410: it wants no more")
            log.warning("subscriber_gone", subscriber=subscriber.name)
        else:
            seconds = webhook.wait(hook.attempts, answer, random.random(), datetime.now(UTC))  # noqa: S311 - jitter
            if seconds is None:
                verdict_told = f"given up after {hook.attempts} attempts: {answer.told}"
                subscribers.failed(connection, subscriber.id, hook.event_id, answer.status, verdict_told)
            else:
                told = seconds * self._settings.webhook_pace
                subscribers.again(connection, subscriber.id, hook.event_id, answer.status, answer.told, seconds=told)
        self._metrics.webhooks.labels(verdict).inc()

    async def _saved(self, work: Callable[[psycopg.Connection], T]) -> T:
        def within() -> T:
            with self._database.transaction() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._steps, within)
