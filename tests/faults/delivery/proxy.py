"""A TCP proxy in front of a store that can cut, silence or slow down the connections of single processes."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Self

import psutil

from deploy.local.ports import free_port

CHUNK = 64 * 1024
RESET = struct.pack("ii", 1, 0)
"""Value of SO_LINGER with which closing a socket resets its connection."""


class Trouble(Enum):
    """What is wrong with the connections of a process."""

    RESET = "reset"
    """Connections are reset, and new ones are refused."""
    SILENT = "silent"
    """Nothing passes in either direction until the end of the trouble, and then all of it."""
    HALF_OPEN = "half_open"
    """The store has lost the connections that stood when it began, and the process never learns of it."""
    SLOW = "slow"
    """Everything takes longer, by half a second in each direction."""


SLOW_SECONDS = 0.5


@dataclass(eq=False)
class _Rule:
    """Trouble of some processes.

    Attributes:
        names: of the processes; None: all.
        trouble: what is wrong.
        ended: set when it is over.

    """

    names: frozenset[str] | None
    trouble: Trouble
    ended: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(eq=False)
class _Connection:
    """A connection of a client.

    Attributes:
        port: the client's own port, by which its process is found.
        client, store: streams to both ends.
        pid: of the client's process; None: not looked up yet.
        lost: whether the store has lost it without the client's knowledge.

    """

    port: int
    client: asyncio.StreamWriter
    store: asyncio.StreamWriter | None = None
    pid: int | None = None
    lost: bool = False


class StoreProxy:
    """Passes connections on to a store, as a context manager.

    Args:
        upstream: returns the store's port.
        processes: returns the pid of each process by name.

    Attributes:
        port: port to connect to.

    """

    def __init__(self, upstream: Callable[[], int], processes: Callable[[], dict[str, int]]) -> None:
        self.port = free_port()
        self._upstream = upstream
        self._processes = processes
        self._rules: list[_Rule] = []
        self._connections: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"proxy-{self.port}", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _listen(self) -> None:
        await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=CHUNK)

    @contextmanager
    def trouble(self, kind: Trouble, names: Sequence[str] | None = None) -> Iterator[Callable[[], int]]:
        """Trouble the connections of processes, or of everybody, while the block runs.

        Yields a function that returns how many connections are concerned at this moment.
        """
        rule = _Rule(frozenset(names) if names is not None else None, kind)
        asyncio.run_coroutine_threadsafe(self._begin(rule), self._loop).result(10)
        try:
            yield lambda: asyncio.run_coroutine_threadsafe(self._count(rule), self._loop).result(10)
        finally:
            asyncio.run_coroutine_threadsafe(self._end(rule), self._loop).result(10)

    async def _begin(self, rule: _Rule) -> None:
        self._look_up()
        if rule.trouble is Trouble.HALF_OPEN:
            for connection in self._concerned(rule):
                connection.lost = True
                if connection.store is not None:
                    connection.store.close()
            return
        self._rules.append(rule)
        if rule.trouble is Trouble.RESET:
            for connection in self._concerned(rule):
                _reset(connection)

    async def _end(self, rule: _Rule) -> None:
        if rule in self._rules:
            self._rules.remove(rule)
        rule.ended.set()

    async def _count(self, rule: _Rule) -> int:
        self._look_up()
        return len(self._concerned(rule))

    def _concerned(self, rule: _Rule) -> list[_Connection]:
        return [connection for connection in self._connections if self._is_concerned(rule, connection)]

    def _is_concerned(self, rule: _Rule, connection: _Connection) -> bool:
        if rule.names is None:
            return True
        pids = self._processes()
        return connection.pid in {pids.get(name) for name in rule.names}

    def _look_up(self) -> None:
        """Find the processes of the connections whose process is not known yet."""
        unknown = [connection for connection in self._connections if connection.pid is None]
        if not unknown:
            return
        owners = {each.laddr.port: each.pid for each in psutil.net_connections("tcp4") if each.laddr}
        for connection in unknown:
            connection.pid = owners.get(connection.port)

    async def _trouble_of(self, connection: _Connection) -> _Rule | None:
        if not self._rules:
            return None
        if connection.pid is None and any(rule.names is not None for rule in self._rules):
            self._look_up()
        return next((rule for rule in self._rules if self._is_concerned(rule, connection)), None)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(writer.get_extra_info("peername")[1], writer)
        self._connections.add(connection)
        try:
            rule = await self._trouble_of(connection)
            if rule is not None and rule.trouble is Trouble.RESET:
                _reset(connection)
                return
            if rule is not None and rule.trouble is Trouble.SILENT:
                await rule.ended.wait()
            store_reader, connection.store = await asyncio.open_connection("127.0.0.1", self._upstream(), limit=CHUNK)
            forward = asyncio.create_task(self._pass(connection, reader, connection.store))
            await self._pass(connection, store_reader, writer)
            if connection.lost:
                # The client's end stays open, and nobody answers.
                await forward
            forward.cancel()
        except OSError:
            pass
        finally:
            self._connections.discard(connection)
            for end in (connection.client, connection.store):
                if end is not None:
                    end.close()

    async def _pass(self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what comes until its end."""
        with contextlib.suppress(OSError):
            while content := await reader.read(CHUNK):
                rule = await self._trouble_of(connection)
                if rule is not None and rule.trouble is Trouble.SILENT:
                    await rule.ended.wait()
                elif rule is not None and rule.trouble is Trouble.SLOW:
                    await asyncio.sleep(SLOW_SECONDS)
                if not connection.lost:
                    writer.write(content)
                    await writer.drain()
        if not connection.lost:
            with contextlib.suppress(OSError, RuntimeError):
                writer.close()


def _reset(connection: _Connection) -> None:
    """Close both ends of a connection at once."""
    for end in (connection.client, connection.store):
        if end is None:
            continue
        plain = end.get_extra_info("socket")
        if plain is not None:
            with contextlib.suppress(OSError):
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        end.transport.abort()
