"""Runs a Kafka service: builds its consumer, database pool and background tasks, and shuts them down in order."""

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

BodyT = TypeVar("BodyT")

log = logs.get(__name__)

TASK_STOP_TIMEOUT = 8.0
"""Seconds that all background tasks together have to end; a service as a whole has ten."""


class BackgroundTask(Protocol):
    """Runs in a thread of its own next to the consumer; when it ends without being stopped, the service ends."""

    def run(self) -> None:
        """Run until `stop` is called."""
        ...

    def stop(self) -> None:
        """Ask `run` to end; called from another thread."""
        ...


@dataclass
class ServiceSpec(Generic[BodyT]):
    """What a Kafka service consists of.

    Attributes:
        handler: decodes records and handles batches.
        after_batch: called in the consumer's thread after each poll, with a function that publishes records.
        on_assigned, on_revoked: called with partition numbers when a rebalance assigns or revokes them.
        background_tasks: each runs in a thread of its own.

    """

    handler: BatchHandler[BodyT]
    after_batch: Callable[[Publish], None] = lambda _: None
    on_assigned: Callable[[set[int]], None] = lambda _: None
    on_revoked: Callable[[set[int]], None] = lambda _: None
    background_tasks: Sequence[BackgroundTask] = ()


def run(
    name: str, settings: Settings, topics: Sequence[str], build: Callable[[Database, Clock], ServiceSpec[BodyT]]
) -> None:
    """Run a service until it is stopped by a signal.

    Args:
        name: of the service; its consumer group is `duban-<name>`.
        settings: from the environment.
        topics: to consume.
        build: creates the service's parts, once the database and the deployment's clock are known.

    Raises:
        SystemExit: the service failed; see `process.run` for the codes.

    """

    def body(stop_signal: StopSignal, health: Health) -> None:
        database = Database(settings.database_url, name=name)
        stop_signal.on_stop(database.stop)
        clock = process.wait_for_clock(database, settings, stop_signal, health)
        if clock is None:
            return
        try:
            spec = build(database, clock)
        except ValueError as error:
            # An invalid policy; the message names file and key.
            raise ConfigurationError(str(error)) from error
        consumer = BatchConsumer(
            spec.handler,
            service=name,
            topics=topics,
            settings=settings,
            database=database,
            health=health,
            metrics=ConsumerMetrics(name),
            after_batch=spec.after_batch,
        )
        process.tune_garbage_collection()
        consumer.assignments.on_assigned, consumer.assignments.on_revoked = spec.on_assigned, spec.on_revoked
        stop_signal.on_stop(consumer.stop)
        try:
            run_with_background_tasks(consumer, spec.background_tasks)
        finally:
            database.close()

    process.run(name, settings, body)


class BackgroundTaskEnded(Exception):
    """A background task ended although it was not stopped; the message names its class."""


def run_with_background_tasks(consumer: BatchConsumer[BodyT], tasks: Sequence[BackgroundTask]) -> None:
    """Run the consumer and the background tasks; when any of them ends, all are stopped.

    Raises:
        BackgroundTaskEnded: a background task ended by itself. A service that went on without it would look healthy
            and do half its work; it has to be restarted.
        ConfigurationError: a background task or the consumer cannot go on before a person mends something.

    """
    stopping = threading.Event()
    ended: list[str] = []
    unconfigured: list[ConfigurationError] = []

    def run_task(task: BackgroundTask) -> None:
        try:
            task.run()
        except ConfigurationError as error:
            unconfigured.append(error)
        except Exception:
            log.exception("background_task_failed", task=type(task).__name__)
        if not stopping.is_set():
            ended.append(type(task).__name__)
            consumer.stop()

    threads = [
        threading.Thread(target=run_task, args=(task,), name=f"background-{number}", daemon=True)
        for number, task in enumerate(tasks)
    ]
    for thread in threads:
        thread.start()
    try:
        consumer.run()
        if unconfigured:
            raise unconfigured[0]
        if ended:
            raise BackgroundTaskEnded(", ".join(ended))
    finally:
        stopping.set()
        for task in tasks:
            task.stop()
        until = time.monotonic() + TASK_STOP_TIMEOUT
        for thread in threads:
            thread.join(timeout=max(0.0, until - time.monotonic()))
