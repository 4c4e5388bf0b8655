"""Runs a service on Faust: creates the app, waits for the database's clock, and stops everything in order."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

import faust
from aiokafka.errors import KafkaConnectionError, KafkaError

from services.shared.kafka import dead_letters
from services.shared.kafka.async_publisher import AsyncPublisher
from services.shared.kafka.bars import BarList
from services.shared.kafka.connection import METADATA_MAX_AGE_MS, tls_context
from services.shared.kafka.dead_letters import DeadLetterCandidate, Limits
from services.shared.kafka.kafka_errors import reading_error
from services.shared.kafka.producer import Unacknowledged
from services.shared.observability import logs
from services.shared.observability.health_server import Health
from services.shared.postgres.database import Database
from services.shared.runtime import process
from services.shared.runtime.clock import Clock
from services.shared.runtime.errors import Retryable
from services.shared.runtime.host_clock import HostClock
from services.shared.runtime.process import StopSignal
from services.shared.runtime.settings import KafkaSettings, Settings

RETRY_SECONDS = 0.5
"""Seconds between two attempts to reach the broker at startup."""
HEARTBEAT_SECONDS = 5.0
"""Seconds between two signs of life while an app starts."""
APP_STOP_TIMEOUT = 5.0
"""Seconds that an app has to stop by itself; a service as a whole has ten."""

log = logs.get(__name__)


def create_app(settings: KafkaSettings, name: str, *, agents: bool) -> faust.App:
    """Return a Faust app without a web server that creates no topics; without agents it consumes nothing by itself."""
    credentials = None
    context = tls_context(settings)
    if settings.security_protocol.startswith("SASL"):
        password = settings.sasl_password
        credentials = faust.SASLCredentials(
            username=settings.sasl_username,
            password=password.get_secret_value() if password else None,
            mechanism=settings.sasl_mechanism or "PLAIN",
            ssl_context=context,
        )
    elif context is not None:
        credentials = faust.SSLCredentials(context=context)
    session = settings.session_timeout_ms / 1_000
    app = faust.App(
        name,
        broker=[f"kafka://{each}" for each in settings.bootstrap_servers.split(",")],
        broker_credentials=credentials,
        store="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=METADATA_MAX_AGE_MS,
        broker_session_timeout=session,
        broker_heartbeat_interval=min(3.0, session / 3),
        stream_wait_empty=False,
        # Nothing is written there, but the library creates the folder.
        datadir=Path(tempfile.gettempdir()) / name,
    )
    app.producer_only = not agents
    return app


def assignment(app: faust.App) -> set[tuple[str, int]]:
    """Return the partitions that the app's consumer has now, each by topic and number."""
    return {(partition.topic, partition.partition) for partition in app.consumer.assignment()}


async def publish_dead_letters(
    candidates: list[DeadLetterCandidate],
    service: str,
    publisher: AsyncPublisher,
    database: Database,
    limits: Limits,
    should_stop: Callable[[], bool],
) -> None:
    """Count and publish dead letters; retries until both are done or the service stops.

    Raises:
        TooManyBugs: our own code failed on too many records in a short time.
        ConfigurationError: the broker will not take any record before a person mends something.

    """

    def count() -> None:
        with database.transaction() as connection:
            # These topics are our own: a bar keeps nobody out here, but it is an alert, and the doors apply it.
            BarList().add(dead_letters.count(connection, service, candidates, limits))

    for each in candidates:
        log.warning("dead_letter", topic=each.record.topic, position=each.record.position, reason=each.reason)
    while not should_stop():
        try:
            await asyncio.to_thread(count)
            await publisher.publish([dead_letters.dead_letter_record(each, service) for each in candidates])
        except (Retryable, Unacknowledged):
            await asyncio.sleep(1.0)
        else:
            return


class ServiceFactory(Protocol):
    """Creates the part of a Faust app that is specific to a service."""

    def __call__(self, app: faust.App, /, database: Database, clock: Clock, health: Health) -> faust.Service:
        """Return the service that runs next to the app's agents."""
        ...


def run(name: str, settings: Settings, build: ServiceFactory, *, agents: bool = False) -> None:
    """Run a Faust service until it is stopped by a signal.

    Args:
        name: of the service; its consumer group is `duban-<name>`.
        settings: from the environment.
        build: creates the service once the database and the deployment's clock are known.
        agents: whether the app has agents that consume topics.

    Raises:
        SystemExit: the service failed; see `process.run` for the codes.

    """

    def body(stop_signal: StopSignal, health: Health, host: HostClock) -> None:
        database = Database(settings.database_url, name=name)
        stop_signal.on_stop(database.stop)
        clock = process.wait_for_clock(database, settings, stop_signal, health, host)
        if clock is not None:

            def build_service(app: faust.App) -> faust.Service:
                return build(app, database, clock, health)

            process.tune_garbage_collection()
            runner = asyncio.Runner()
            ended, reason = runner.run(_run_app(name, settings, build_service, stop_signal, health, agents=agents))
            if ended:
                runner.close()
            if reason is not None:
                raise reason
        database.close()

    process.run(name, settings, body)


async def _run_app(
    name: str,
    settings: Settings,
    build_service: Callable[[faust.App], faust.Service],
    stop_signal: StopSignal,
    health: Health,
    *,
    agents: bool,
) -> tuple[bool, BaseException | None]:
    """Run an app until it is stopped or crashes; returns whether it ended in time, and the error it crashed with."""
    stop_requested = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.call_soon_threadsafe(stop_requested.set)

    stop_signal.on_stop(stop)
    while not stop_signal.stopping:
        app = create_app(settings.kafka, f"duban-{name}", agents=agents)
        if agents:
            _report_assignments(app, health)
        service = build_service(app)
        try:
            await _with_heartbeats(app.start(), health, stop_requested)
            await app.add_runtime_dependency(service)
        except KafkaError as error:
            misconfigured = reading_error(error, name, ("its topics",))
            if misconfigured is not None:
                await app.stop()
                return True, misconfigured
            health.heartbeat("start")
            log.warning("broker_unavailable", error=type(error).__name__)
            await app.stop()
            await asyncio.sleep(RETRY_SECONDS)
            continue
        ends = [asyncio.create_task(each) for each in (service.wait_until_stopped(), app.wait_until_stopped())]
        await asyncio.wait({*ends, asyncio.create_task(stop_requested.wait())}, return_when=asyncio.FIRST_COMPLETED)
        stopping = asyncio.create_task(app.stop())
        # The library waits for minutes for what will never be acknowledged; the end of the process ends that too.
        done, _ = await asyncio.wait({stopping}, timeout=APP_STOP_TIMEOUT)
        if not done:
            log.warning("app_stop_timed_out", seconds=APP_STOP_TIMEOUT)
        return bool(done), service.crash_reason or app.crash_reason
    return True, None


async def _with_heartbeats(starting: Coroutine[Any, Any, None], health: Health, stop_requested: asyncio.Event) -> None:
    """Wait until an app has started; a broker that hangs makes that long, and is no reason for a restart.

    Raises:
        KafkaError: the broker is unavailable.

    """
    start, stop = asyncio.ensure_future(starting), asyncio.ensure_future(stop_requested.wait())
    while not start.done() and not stop.done():
        health.heartbeat("start")
        await asyncio.wait({start, stop}, timeout=HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if not start.done():
        start.cancel()
        raise KafkaConnectionError("stopped before the broker was reached")
    await start


def _report_assignments(app: faust.App, health: Health) -> None:
    @app.on_partitions_assigned.connect  # type: ignore[untyped-decorator]  # the library has no types
    async def report(_: faust.App, assigned: set[Any], **__: object) -> None:
        health.report_assignment(assigned)
