"""The webhook client with real receivers on loopback: hanging ones, reused connections, endless responses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from services.notifier import webhook_client
from services.notifier.domain.webhook import WebhookResponse
from services.notifier.webhook_client import MAX_CONCURRENT, SubscriberConnection

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TRUST = httpx.create_ssl_context()


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[str]:
    """Serve connections on loopback while the block runs; yields the URL."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def request(reader: asyncio.StreamReader) -> None:
    """Read one request with an empty body."""
    await reader.readuntil(b"\r\n\r\n")


def ok(body: bytes, length: int | None = None) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (len(body) if length is None else length) + body


async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await request(reader)
    await asyncio.Event().wait()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await request(reader)
        writer.write(ok(b"x" * 1000))
        await writer.drain()


async def post(connection: SubscriberConnection, url: str) -> WebhookResponse:
    return await connection.post(url, {}, b"", private=True)


def test_thirty_hanging_subscribers_delay_no_other() -> None:
    async def work() -> None:
        async with serving(hang) as slow, serving(answer) as fast:
            connections = [SubscriberConnection(TRUST, timeout=30) for _ in range(30)]
            waiting = [asyncio.create_task(post(each, slow)) for each in connections for _ in range(MAX_CONCURRENT)]
            quick = SubscriberConnection(TRUST, timeout=5)
            async with asyncio.timeout(5):
                responses = await asyncio.gather(*[post(quick, fast) for _ in range(MAX_CONCURRENT)])
            assert [response.status for response in responses] == [200] * MAX_CONCURRENT
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            for connection in (*connections, quick):
                await connection.close()

    asyncio.run(work())


def test_a_connection_is_used_again() -> None:
    connections: list[int] = []

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        await answer(reader, writer)

    async def work() -> None:
        connection = SubscriberConnection(TRUST, timeout=5)
        async with serving(counted) as url:
            for _ in range(20):
                assert (await post(connection, url)).status == 200
        await connection.close()

    asyncio.run(work())
    assert len(connections) == 1


def test_an_endless_response_counts_by_its_status_and_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_client, "DRAIN_TIMEOUT", 0.2)

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(ok(b"", 10**12))
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(ok(b"x", 10))
        await asyncio.Event().wait()

    async def work() -> None:
        connection = SubscriberConnection(TRUST, timeout=5)
        for endless in (flood, drip):
            async with serving(endless) as url, asyncio.timeout(4):
                assert await post(connection, url) == WebhookResponse(200)
        await connection.close()

    asyncio.run(work())


def test_a_subscriber_that_does_not_answer_in_time_is_an_error() -> None:
    async def work() -> WebhookResponse:
        connection = SubscriberConnection(TRUST, timeout=0.1)
        async with serving(hang) as url:
            response = await post(connection, url)
        await connection.close()
        return response

    assert asyncio.run(work()) == WebhookResponse(None, error="did not answer in time")
