"""A context of the HTTP routes behind which the ledger decides at once, without broker or database."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from services.domain.policy.pack import Pack
from services.intake import problems
from services.intake.http_context import HttpContext
from services.intake.metrics import IntakeMetrics
from services.intake.senders import Sender
from services.shared.kafka.records import Outgoing
from tests.builders import MORNING, PACKS

SECRET = "secret"
"""Secret with which survey links are signed."""


class FakeContext:
    """Stands for HttpContext, and for the senders and the clock that it holds; `sender`: whose every key is."""

    settings = SimpleNamespace(contact_key_secret=SecretStr(SECRET))
    database = None
    packs: Mapping[str, Pack] = PACKS

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self.published: list[Outgoing] = []
        self.metrics = IntakeMetrics(CollectorRegistry())

    @property
    def senders(self) -> "FakeContext":
        return self

    def authenticate(self, _: str | None) -> Sender:
        return self.sender

    def check_rate(self, _: Sender) -> None: ...

    def check_reading_rate(self, _: Sender) -> None: ...

    def require_clock(self) -> "FakeContext":
        return self

    def now(self) -> datetime:
        return MORNING

    async def query(self, read: Callable[[], Any]) -> Any:
        return read()

    async def publish(self, records: list[Outgoing]) -> None:
        self.published += records

    async def wait_for(self, _: float, read: Callable[[], Any], __: Callable[[Any], bool]) -> Any:
        return read()


def request(
    install: Callable[[FastAPI, HttpContext], None],
    method: str,
    path: str,
    context: FakeContext | None = None,
    **options: Any,
) -> httpx.Response:
    """Send a request to the routes that a module installs; without a context nobody has a key for anything."""
    app = FastAPI()
    problems.install(app, IntakeMetrics(CollectorRegistry()))
    install(app, cast("HttpContext", context or FakeContext(Sender("nobody", ("carrier",), (), ()))))

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
            return await client.request(method, path, **options)

    return asyncio.run(send())
