"""Look-ups of receivers: a host name that hangs delays nobody else, and only permitted addresses are called."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from services.notifier.webhook_client import AddressNotAllowed, Resolver, resolve_url

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
