"""Sending webhooks: each subscriber has a task of its own, so that one that is slow or away delays no other."""

import asyncio
import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from typing import TypeVar
from uuid import UUID

import httpx
import psycopg

from services.notifier import subscribers
from services.notifier.domain import webhook
from services.notifier.domain.webhook import Answer
from services.notifier.metrics import NotifierMetrics
from services.notifier.settings import NotifierSettings
from services.notifier.subscribers import Hook, Subscriber
from services.shared import logs
from services.shared.errors import Retryable
from services.shared.faults import Faults
from services.shared.postgres import Database

AT_ONCE = 8
"""Messages to one subscriber at the same time; of different tickets."""
LOOK_EVERY = 0.2
SUBSCRIBERS_EVERY = 1.0
"""Real seconds between two looks for new subscribers."""
FORGET_EVERY = 3_600.0
KEPT = timedelta(days=30)
"""How long a delivered message can be sent again."""

T = TypeVar("T")

log = logs.get(__name__)


class Refused(Exception):
    """An address that must not be called, with the reason."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a message goes: the address that was looked at, and the name it goes by."""

    url: httpx.URL
    headers: dict[str, str]
    server: str


async def resolved(url: str, *, private: bool) -> Target:
    """Return where a URL leads, checked: the address that is looked at is the address that is called.

    Raises:
        Refused: no https or http, no such host, or an address within somebody's walls.

    """
    whole = httpx.URL(url)
    if whole.scheme not in {"https", "http"} or not whole.host:
        raise Refused("the address is no http or https URL")
    port = whole.port or (443 if whole.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(whole.host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Refused(f"the host {whole.host} is not known") from error
    addresses = [ip_address(str(each[4][0]).partition("%")[0]) for each in found]
    if not private and not all(webhook.public(each) for each in addresses):
        raise Refused("the address is not public; DUBAN_WEBHOOK_PRIVATE=true allows that")
    return Target(whole.copy_with(host=str(addresses[0])), {"host": whole.netloc.decode()}, whole.host)


class Hooks:
    """Sends what subscribers still have to get."""

    def __init__(self, settings: NotifierSettings, database: Database, metrics: NotifierMetrics) -> None:
        self._settings = settings
        self._database = database
        self._metrics = metrics
        self._faults = Faults(settings.faults, "notifier")
        self._stopping = threading.Event()
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._known: dict[UUID, Subscriber] = {}

    def stop(self) -> None:
        """Ask it to end after the messages at hand."""
        self._stopping.set()

    def run(self) -> None:
        """Work until told to stop."""
        asyncio.run(self._work())

    async def _work(self) -> None:
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
        timeout = httpx.Timeout(self._settings.webhook_timeout)
        forgotten = time.monotonic()
        async with httpx.AsyncClient(limits=limits, timeout=timeout, follow_redirects=False) as http:
            while not self._stopping.is_set():
                with suppress(Retryable):
                    self._known = {each.id: each for each in await self._saved(subscribers.all_)}
                    if time.monotonic() - forgotten > FORGET_EVERY:
                        forgotten = time.monotonic()
                        await self._saved(lambda each: subscribers.forget(each, datetime.now(UTC) - KEPT))
                for each in self._known:
                    if each not in self._tasks or self._tasks[each].done():
                        self._tasks[each] = asyncio.create_task(self._serve(each, http))
                await asyncio.sleep(SUBSCRIBERS_EVERY)
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _serve(self, id_: UUID, http: httpx.AsyncClient) -> None:
        """Send one subscriber's messages until told to stop."""
        lease = self._settings.webhook_timeout + self._settings.lease
        while not self._stopping.is_set():
            subscriber = self._known.get(id_)
            if subscriber is None:
                return
            hooks: list[Hook] = []
            if subscriber.disabled is None:
                with suppress(Retryable):
                    hooks = await self._saved(partial(subscribers.take, subscriber=id_, lease=lease, most=AT_ONCE))
            if hooks:
                await asyncio.gather(*[self._send(subscriber, each, http) for each in hooks])
            else:
                await asyncio.sleep(LOOK_EVERY)

    async def _send(self, subscriber: Subscriber, hook: Hook, http: httpx.AsyncClient) -> None:
        answer = await ask(http, subscriber, str(hook.event_id), hook.body, private=self._settings.webhook_private)
        self._faults.reach("webhook_answered")
        # What cannot be saved now is sent again after the lease, under the same id.
        with suppress(Retryable):
            await self._saved(lambda each: self._settle(each, subscriber, hook, answer))

    def _settle(self, connection: psycopg.Connection, subscriber: Subscriber, hook: Hook, answer: Answer) -> None:
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

        return await asyncio.to_thread(within)


async def ask(http: httpx.AsyncClient, subscriber: Subscriber, id_: str, body: bytes, *, private: bool) -> Answer:
    """Send one signed message and return what the receiver said."""
    headers = webhook.signed(id_, datetime.now(UTC), body, subscriber.secrets)
    try:
        target = await resolved(subscriber.url, private=private)
        request = http.build_request("POST", target.url, content=body, headers=headers | target.headers)
        request.extensions["sni_hostname"] = target.server
        answer = await http.send(request, stream=True)
        await answer.aclose()
    except Refused as error:
        return Answer(None, trouble=str(error))
    except httpx.TimeoutException:
        return Answer(None, trouble="did not answer in time")
    except httpx.HTTPError as error:
        return Answer(None, trouble=f"cannot be reached ({type(error).__name__})")
    return Answer(answer.status_code, answer.headers.get("retry-after"))
