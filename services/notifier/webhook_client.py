"""Calling receivers of webhooks: each has a line of its own, with connections and look-ups that no other waits for."""

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

AT_ONCE = 8
"""Messages to one receiver at the same time."""
LOOK_UP_WITHIN = 5.0
"""Real seconds in which a name has to be known."""
READ_AT_MOST = 65_536
"""Bytes of an answer that are read, so that its connection can be used again; what is longer is cut off."""
READ_WITHIN = 2.0
"""Real seconds for the body of an answer whose status is known."""

LookUp = Callable[..., Sequence[tuple[Any, ...]]]
"""Finds addresses as `socket.getaddrinfo` does; it may hang."""


class AddressNotAllowed(Exception):
    """An address that must not be called, with the reason."""


@dataclass(frozen=True, slots=True)
class ResolvedAddress:
    """Where a message goes: the address that was looked at, and the name it goes by."""

    url: httpx.URL
    headers: dict[str, str]
    server: str


class Resolver:
    """Looks up the name of one receiver, once at a time: when that hangs, it holds one thread and no other receiver."""

    def __init__(self, look_up: LookUp = socket.getaddrinfo) -> None:
        self._look_up = look_up
        self._asked: tuple[tuple[str, int], asyncio.Future[list[str]]] | None = None

    async def addresses(self, host: str, port: int, *, within: float = LOOK_UP_WITHIN) -> list[str]:
        """Return the addresses of a host.

        Raises:
            TimeoutError: nobody knows it within that time (real seconds), or another look-up still hangs.
            OSError, ValueError, OverflowError: there is no such host.

        """
        async with asyncio.timeout(within):
            while self._asked is not None and self._asked[0] != (host, port):
                await asyncio.wait([self._asked[1]])
                self._forget()
            if self._asked is None:
                self._asked = (host, port), self._begun(host, port)
            try:
                return await asyncio.shield(self._asked[1])
            finally:
                self._forget()

    def _forget(self) -> None:
        if self._asked is not None and self._asked[1].done():
            self._asked = None

    def _begun(self, host: str, port: int) -> asyncio.Future[list[str]]:
        """Look up in a thread that nobody waits for at the end of the process."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[str]] = loop.create_future()

        def answered(addresses: list[str] | None, error: Exception | None) -> None:
            if found.done():
                return
            if addresses is None:
                found.set_exception(error or OSError("no answer"))
                # It is told to whoever still waits; nobody may, when it came too late.
                found.exception()
            else:
                found.set_result(addresses)

        def look() -> None:
            try:
                known = self._look_up(host, port, type=socket.SOCK_STREAM)
                told = partial(answered, [str(each[4][0]).partition("%")[0] for each in known], None)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told to whoever asked
                told = partial(answered, None, error)
            # The loop may have been closed while it hung.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(told)

        threading.Thread(target=look, name="look-up", daemon=True).start()
        return found


async def resolved(url: str, *, private: bool, resolver: Resolver | None = None) -> ResolvedAddress:
    """Return where a URL leads, checked: the address that is looked at is the address that is called.

    Raises:
        Refused: no https or http, no such host, or an address within somebody's walls.

    """
    try:
        whole = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise AddressNotAllowed(f"the address is no URL ({error}): write it as https://host/path") from error
    if whole.scheme not in {"https", "http"} or not whole.host:
        raise AddressNotAllowed("the address is no http or https URL: write it as https://host/path")
    port = whole.port or (443 if whole.scheme == "https" else 80)
    try:
        found = await (resolver or Resolver()).addresses(whole.host, port)
        addresses = [ip_address(each) for each in found]
    except TimeoutError as error:
        raise AddressNotAllowed(f"the host {whole.host} was not looked up in time") from error
    except (OSError, ValueError, OverflowError) as error:
        raise AddressNotAllowed(f"the host {whole.host} is not known") from error
    if not addresses:
        raise AddressNotAllowed(f"the host {whole.host} is not known")
    if not private and not all(webhook.public(each) for each in addresses):
        raise AddressNotAllowed(
            "the address is not public; DUBAN_WEBHOOK_PRIVATE=true allows that, --private for one subscriber"
        )
    return ResolvedAddress(whole.copy_with(host=str(addresses[0])), {"host": whole.netloc.decode()}, whole.host)


class SubscriberConnection:
    """The way to one receiver.

    Connections are shared with nobody, so that a receiver that hangs fills only its own, and a connection to an address
    is never used under another's name.
    """

    def __init__(self, trust: ssl.SSLContext, *, within: float, look_up: LookUp = socket.getaddrinfo) -> None:
        limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
        self._within = within
        self._resolver = Resolver(look_up)
        self._http = httpx.AsyncClient(
            verify=trust, limits=limits, timeout=httpx.Timeout(within), follow_redirects=False
        )

    async def close(self) -> None:
        """Hang up."""
        await self._http.aclose()

    async def ask(self, url: str, headers: Mapping[str, str], body: bytes, *, private: bool) -> WebhookResponse:
        """Send one signed message and return what the receiver said."""
        try:
            async with asyncio.timeout(self._within):
                target = await resolved(url, private=private, resolver=self._resolver)
                request = self._http.build_request(
                    "POST", target.url, content=body, headers={**headers, **target.headers}
                )
                request.extensions["sni_hostname"] = target.server
                answer = await self._http.send(request, stream=True)
        except AddressNotAllowed as error:
            return WebhookResponse(None, trouble=str(error))
        except (TimeoutError, httpx.TimeoutException):
            return WebhookResponse(None, trouble="did not answer in time")
        except httpx.HTTPError as error:
            return WebhookResponse(None, trouble=f"cannot be reached ({type(error).__name__})")
        await _read(answer)
        return WebhookResponse(answer.status_code, answer.headers.get("retry-after"))


async def _read(answer: httpx.Response) -> None:
    """Read an answer to its end, unless it is long or slow: only then its connection can be used again."""
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(READ_WITHIN):
            size = 0
            async for chunk in answer.aiter_raw():
                size += len(chunk)
                if size > READ_AT_MOST:
                    break
    with suppress(httpx.HTTPError):
        await answer.aclose()
