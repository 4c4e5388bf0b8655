"""The HTTP door without broker or database: published records are in a list, and each key is its sender's name."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx
from prometheus_client import CollectorRegistry

from services.intake.http import application
from services.intake.http_context import HttpContext
from services.intake.ingest import Ingestor
from services.intake.metrics import IntakeMetrics
from services.intake.rate_limit import RateLimiter
from services.intake.senders import Sender, SenderRegistry, hash_key
from services.intake.settings import IntakeSettings
from services.shared.kafka import bars
from services.shared.kafka.records import Outgoing
from services.shared.kafka.rejected_records import RejectedRecord, Unpublishable
from services.shared.runtime.clock import SystemClock


class _Keys:
    """Stands for the database with the keys."""

    def __init__(self, senders: Sequence[Sender]) -> None:
        self._senders = senders
        self.bars: list[tuple[Any, ...]] = []

    @contextmanager
    def transaction(self) -> Iterator["_Keys"]:
        yield self

    def execute(self, query: str, *_: Any) -> "_Keys":
        self._query = query
        return self

    def fetchall(self) -> list[tuple[Any, ...]]:
        if self._query == bars.queries["bars"]:
            return self.bars
        return [
            (
                *(sender.name, hash_key(sender.name), None, sender.packs, sender.policy, sender.channels),
                *(sender.actions, sender.units, sender.roles, sender.may, sender.level, sender.persons),
                *(sender.per_minute, sender.expires_at),
            )
            for sender in self._senders
        ]


class _Publisher:
    """Stands for the broker.

    Attributes:
        records: those that it has taken.
        error: with which it fails altogether; None: it does not.
        rejects: returns the reason for which it never takes a record; None: it takes it.

    """

    def __init__(self) -> None:
        self.records: list[Outgoing] = []
        self.error: Exception | None = None
        self.rejects: Callable[[Outgoing], str | None] = lambda _: None

    async def publish(self, records: Sequence[Outgoing]) -> None:
        if self.error is not None:
            raise self.error
        rejected = [RejectedRecord(each, reason, "no") for each in records if (reason := self.rejects(each))]
        self.records += [each for each in records if not self.rejects(each)]
        if rejected:
            raise Unpublishable(rejected)


class HttpDoor:
    """The HTTP application of one intake process.

    Attributes:
        context: the context of its routes.
        broker: the broker behind it.
        published: the records that it published.
        stored_keys: the keys and bars in the database.

    """

    def __init__(self, folder: Path, *senders: Sender, channels: str = "") -> None:
        file = folder / "channels.toml"
        file.write_text(channels, encoding="utf-8")
        settings = IntakeSettings(attachments=folder / "attachments", channels=file)
        self.stored_keys = _Keys(senders)
        keys = SenderRegistry(cast("Any", self.stored_keys))
        keys.refresh()
        self.broker = publisher = _Publisher()
        self.registry = CollectorRegistry()
        self.published = publisher.records
        self.context = HttpContext(
            settings,
            cast("Any", None),
            keys,
            cast("Any", publisher),
            IntakeMetrics(self.registry),
            Ingestor.from_settings(settings),
            rate_limiter=RateLimiter(lambda: 0.0),
            clock=SystemClock(),
        )
        self._application = application(self.context)

    def send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Send a request and return the response."""

        async def respond() -> httpx.Response:
            transport = httpx.ASGITransport(self._application, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
                return await client.request(method, path, **request)

        return asyncio.run(respond())

    def post(self, path: str, **request: Any) -> httpx.Response:
        """Send a POST request and return the response."""
        return self.send("POST", path, **request)

    def counter(self, name: str, **labels: str) -> float:
        """Return the value of a counter."""
        return self.registry.get_sample_value(f"duban_{name}_total", labels) or 0.0


def key(name: str) -> dict[str, str]:
    """Return the header with the key of a sender."""
    return {"Authorization": f"Bearer {name}"}


def reasons(response: httpx.Response) -> list[tuple[str, str]]:
    """Return field and reason of every error in a response."""
    errors = response.json()["errors"]
    assert all(error["detail"] for error in errors), "each error says what to do"
    return [(error["field"], error["reason"]) for error in errors]
