"""Runs a Kafka service: builds its consumer, database pool and background tasks, and shuts them down in order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

from services.shared.kafka.batch_consumer import BatchConsumer, Publish
from services.shared.kafka.batch_handling import BatchHandler
from services.shared.kafka.records import Incoming
from services.shared.observability.health_server import Health
from services.shared.observability.metrics import ConsumerMetrics
from services.shared.postgres.database import Database
from services.shared.runtime import process
from services.shared.runtime.clock import Clock
from services.shared.runtime.errors import ConfigurationError
from services.shared.runtime.host_clock import HostClock
from services.shared.runtime.process import StopSignal
from services.shared.runtime.settings import Settings
from services.shared.runtime.side_threads import SideThreads

BodyT = TypeVar("BodyT")


class BackgroundTask(Protocol):
    """Runs in a thread of its own next to the consumer; when it ends without being stopped, the service ends."""

    def run(self, heartbeat: Callable[[], None]) -> None:
        """Run until `stop` is called; `heartbeat` says that it does, at least twice a minute."""
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
        on_doubt: called with a batch that may have been published after another member had taken its partitions over.
        on_assigned, on_revoked: called with partition numbers when a rebalance assigns or revokes them.
        background_tasks: each runs in a thread of its own.

    """

    handler: BatchHandler[BodyT]
    after_batch: Callable[[Publish], None] = lambda _: None
    on_doubt: Callable[[Sequence[Incoming]], None] = lambda _: None
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

    def body(stop_signal: StopSignal, health: Health, host: HostClock) -> None:
        database = Database(settings.database_url, name=name)
        stop_signal.on_stop(database.stop)
        clock = process.wait_for_clock(database, settings, stop_signal, health, host)
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
            on_doubt=spec.on_doubt,
        )
        process.tune_garbage_collection()
        consumer.assignments.on_assigned, consumer.assignments.on_revoked = spec.on_assigned, spec.on_revoked
        try:
            run_with_background_tasks(consumer, spec.background_tasks, stop_signal, health)
        finally:
            database.close()

    process.run(name, settings, body)


def run_with_background_tasks(
    consumer: BatchConsumer[BodyT], tasks: Sequence[BackgroundTask], stop_signal: StopSignal, health: Health
) -> None:
    """Run the consumer and the background tasks; when any of them ends, all are stopped.

    Raises:
        SideThreadEnded: a background task ended by itself.
        DubanError: a background task or the consumer cannot go on, such as before a person mends something.

    """
    threads = SideThreads(consumer.stop)
    # First of all, so that what the stop signal ends does not count as a failure.
    for hook in (threads.expect_end, consumer.stop, *(task.stop for task in tasks)):
        stop_signal.on_stop(hook)
    for number, task in enumerate(tasks):
        name = f"{type(task).__name__}-{number}"
        threads.start(name, partial(task.run, partial(health.heartbeat, name, beside=True)))
    try:
        consumer.run()
        threads.raise_failure()
    finally:
        threads.expect_end()
        for task in tasks:
            task.stop()
        threads.join()
