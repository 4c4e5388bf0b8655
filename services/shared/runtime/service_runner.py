"""The frame of a service that lives on a topic: one delivery loop, and what it needs from the start to the end."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from services.shared.kafka.batch_consumer import BatchConsumer, BatchHandler, Publish
from services.shared.observability import logs
from services.shared.observability.health_server import Health
from services.shared.observability.metrics import ConsumerMetrics
from services.shared.postgres.database import Database
from services.shared.runtime import process
from services.shared.runtime.clock import Clock
from services.shared.runtime.errors import ConfigurationError
from services.shared.runtime.process import StopSignal
from services.shared.runtime.settings import Settings

M = TypeVar("M")

log = logs.get(__name__)

STOP_BESIDE_WITHIN = 8.0
"""Seconds that a service waits for its threads when it stops."""


class BackgroundTask(Protocol):
    """Something that runs in a thread of its own while the loop runs; when it ends unasked, the whole service does."""

    def run(self) -> None:
        """Run until told to stop."""
        ...

    def stop(self) -> None:
        """Ask it to end."""
        ...


@dataclass
class ServiceSpec(Generic[M]):
    """What a service does.

    Attributes:
        stage: with each batch.
        between: between two batches, on its own account.
        gained, lost: when partitions come and go.
        beside: each in a thread of its own.

    """

    stage: BatchHandler[M]
    between: Callable[[Publish], None] = lambda _: None
    gained: Callable[[set[int]], None] = lambda _: None
    lost: Callable[[set[int]], None] = lambda _: None
    beside: Sequence[BackgroundTask] = ()


def run(
    name: str, settings: Settings, topics: Sequence[str], build: Callable[[Database, Clock], ServiceSpec[M]]
) -> None:
    """Run a service until it is told to stop; ends the process with a code that says why.

    Args:
        name: of the service.
        settings: what its environment says.
        topics: what it reads.
        build: makes its work, once the database and the deployment's clock are known.

    """

    def body(running: StopSignal, health: Health) -> None:
        database = Database(settings.database_url, name=name)
        clock = process.wait_for_clock(database, settings, running, health)
        if clock is None:
            return
        try:
            work = build(database, clock)
        except ValueError as error:
            # A policy that cannot be used, told with file and key.
            raise ConfigurationError(str(error)) from error
        loop = BatchConsumer(
            work.stage,
            service=name,
            topics=topics,
            settings=settings,
            database=database,
            health=health,
            metrics=ConsumerMetrics(name),
            between=work.between,
        )
        process.rarely_look_for_cycles()
        loop.assignments.gained, loop.assignments.lost = work.gained, work.lost
        running.on_stop(loop.stop)
        try:
            _together(loop, work.beside)
        finally:
            database.close()

    process.run(name, settings, body)


class BackgroundTaskEnded(Exception):
    """A thread beside the loop ended although nobody had told it to."""


def _together(loop: BatchConsumer[M], beside: Sequence[BackgroundTask]) -> None:
    """Run the loop and what is beside it; when one ends on its own, all end, so that the service is started again.

    Raises:
        SideWorkEnded: a thread beside the loop ended unasked: alive without it, the service would look well and do half
            its work.

    """
    stopping = threading.Event()
    ended: list[str] = []

    def watched(each: BackgroundTask) -> None:
        try:
            each.run()
        except Exception:
            log.exception("side_work_failed", work=type(each).__name__)
        if not stopping.is_set():
            ended.append(type(each).__name__)
            loop.stop()

    threads = [
        threading.Thread(target=watched, args=(each,), name=f"beside-{at}", daemon=True)
        for at, each in enumerate(beside)
    ]
    for thread in threads:
        thread.start()
    try:
        loop.run()
        if ended:
            raise BackgroundTaskEnded(", ".join(ended))
    finally:
        stopping.set()
        for each in beside:
            each.stop()
        until = time.monotonic() + STOP_BESIDE_WITHIN
        for thread in threads:
            thread.join(timeout=max(0.0, until - time.monotonic()))
