"""HTTP client for webhooks: each subscriber has connections and DNS look-ups of its own, so none waits for another."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Any

import httpx

from services.notifier.domain import webhook
from services.notifier.domain.webhook import WebhookResponse

MAX_CONCURRENT = 8
"""Messages sent to one subscriber at the same time."""
LOOKUP_TIMEOUT = 5.0
"""Real seconds within which a host name has to be resolved."""
DRAIN_LIMIT = 65_536
"""Bytes of a response body that are read so that its connection can be reused; after more the connection is closed."""
DRAIN_TIMEOUT = 2.0
"""Real seconds for reading the body of a response whose status is known."""

Lookup = Callable[..., Sequence[tuple[Any, ...]]]
"""Finds addresses as `socket.getaddrinfo` does; it may hang."""


class AddressNotAllowed(Exception):
    """A subscriber's URL cannot be resolved or must not be called; the message says why."""


@dataclass(frozen=True, slots=True)
class ResolvedAddress:
    """A URL with the address that was checked in place of its host name.

    Attributes:
        url: with the IP address as its host.
        headers: the header Host of the original URL.
        server: the original host name, for TLS.

    """

    url: httpx.URL
    headers: dict[str, str]
    server: str


class Resolver:
    """Resolves the host name of one subscriber, one look-up at a time: a hanging one holds a thread and nobody else."""

    def __init__(self, lookup: Lookup = socket.getaddrinfo) -> None:
        self._lookup = lookup
        self._pending: tuple[tuple[str, int], asyncio.Future[list[str]]] | None = None

    async def resolve(self, host: str, port: int, *, time_limit: float = LOOKUP_TIMEOUT) -> list[str]:
        """Return the IP addresses of a host.

        Raises:
            TimeoutError: it was not resolved within `time_limit` real seconds, or an earlier look-up still hangs.
            OSError, ValueError, OverflowError: there is no such host.

        """
        async with asyncio.timeout(time_limit):
            while self._pending is not None and self._pending[0] != (host, port):
                await asyncio.wait([self._pending[1]])
                self._clear_if_done()
            if self._pending is None:
                self._pending = (host, port), self._start_lookup(host, port)
            try:
                return await asyncio.shield(self._pending[1])
            finally:
                self._clear_if_done()

    def _clear_if_done(self) -> None:
        if self._pending is not None and self._pending[1].done():
            self._pending = None

    def _start_lookup(self, host: str, port: int) -> asyncio.Future[list[str]]:
        """Start a look-up in a daemon thread, so that a hanging one does not delay the end of the process."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[str]] = loop.create_future()

        def complete(addresses: list[str] | None, error: Exception | None) -> None:
            if future.done():
                return
            if addresses is None:
                future.set_exception(error or OSError("no answer"))
                # Mark it as retrieved: when the look-up took too long, nobody waits for it any more.
                future.exception()
            else:
                future.set_result(addresses)

        def look_up() -> None:
            try:
                found = self._lookup(host, port, type=socket.SOCK_STREAM)
                callback = partial(complete, [str(entry[4][0]).partition("%")[0] for entry in found], None)
            except Exception as error:  # noqa: BLE001 - any error is raised at the caller of resolve
                callback = partial(complete, None, error)
            # The loop may have been closed while the look-up hung.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(callback)

        threading.Thread(target=look_up, name="look-up", daemon=True).start()
        return future


async def resolve_url(url: str, *, private: bool, resolver: Resolver | None = None) -> ResolvedAddress:
    """Check a subscriber's URL and return the address to call, so that the checked address is the one that is called.

    Args:
        url: of http or https.
        private: whether addresses of private networks are allowed.
        resolver: of the subscriber; None: a new one.

    Raises:
        AddressNotAllowed: it is no http or https URL, there is no such host, or its address is not public.

    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise AddressNotAllowed(f"the address is no URL ({error}): write it as https://host/path") from error
    if parsed.scheme not in {"https", "http"} or not parsed.host:
        raise AddressNotAllowed("the address is no http or https URL: write it as https://host/path")
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    try:
        found = await (resolver or Resolver()).resolve(parsed.host, port)
        addresses = [ip_address(address) for address in found]
    except TimeoutError as error:
        raise AddressNotAllowed(f"the host {parsed.host} was not resolved in time") from error
    except (OSError, ValueError, OverflowError) as error:
        raise AddressNotAllowed(f"the host {parsed.host} is not known") from error
    if not addresses:
        raise AddressNotAllowed(f"the host {parsed.host} is not known")
    if not private and not all(webhook.is_public(address) for address in addresses):
        raise AddressNotAllowed(
            "the address is not public; allow it with DUBAN_WEBHOOK_PRIVATE=true, or with --private for one subscriber"
        )
    return ResolvedAddress(parsed.copy_with(host=str(addresses[0])), {"host": parsed.netloc.decode()}, parsed.host)


class SubscriberConnection:
    """HTTP client of one subscriber.

    Its connection pool is shared with no other subscriber, so that a receiver that hangs fills only its own, and a
    connection to an address is never used under another host name.
    """

    def __init__(self, trust: ssl.SSLContext, *, timeout: float, lookup: Lookup = socket.getaddrinfo) -> None:
        limits = httpx.Limits(max_connections=MAX_CONCURRENT, max_keepalive_connections=MAX_CONCURRENT)
        self._timeout = timeout
        self._resolver = Resolver(lookup)
        self._http = httpx.AsyncClient(
            verify=trust, limits=limits, timeout=httpx.Timeout(timeout), follow_redirects=False
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, private: bool) -> WebhookResponse:
        """Send one signed message and return the response, or why there was none; raises nothing of HTTP."""
        try:
            async with asyncio.timeout(self._timeout):
                resolved = await resolve_url(url, private=private, resolver=self._resolver)
                request = self._http.build_request(
                    "POST", resolved.url, content=body, headers={**headers, **resolved.headers}
                )
                request.extensions["sni_hostname"] = resolved.server
                response = await self._http.send(request, stream=True)
        except AddressNotAllowed as error:
            return WebhookResponse(None, error=str(error))
        except (TimeoutError, httpx.TimeoutException):
            return WebhookResponse(None, error="did not answer in time")
        except httpx.HTTPError as error:
            return WebhookResponse(None, error=f"cannot be reached ({type(error).__name__})")
        await _drain(response)
        return WebhookResponse(response.status_code, response.headers.get("retry-after"))


async def _drain(response: httpx.Response) -> None:
    """Read a response to its end, unless it is long or slow: only then can its connection be reused."""
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(DRAIN_TIMEOUT):
            size = 0
            async for chunk in response.aiter_raw():
                size += len(chunk)
                if size > DRAIN_LIMIT:
                    break
    with suppress(httpx.HTTPError):
        await response.aclose()
