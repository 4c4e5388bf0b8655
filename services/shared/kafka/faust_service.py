"""Services on Faust: how its clients connect, what they all do, and the frame from start to end."""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import faust
from aiokafka.errors import KafkaError

from services.shared.kafka import dead_letters
from services.shared.kafka.connection import METADATA_MAX_AGE_MS, tls
from services.shared.kafka.dead_letters import DeadLetterCandidate
from services.shared.kafka.producer import Producer, Unacknowledged
from services.shared.observability import logs
from services.shared.observability.health_server import Health
from services.shared.postgres.database import Database
from services.shared.runtime import process
from services.shared.runtime.clock import Clock
from services.shared.runtime.errors import Retryable
from services.shared.runtime.process import StopSignal
from services.shared.runtime.settings import KafkaSettings, Settings

RETRY = 0.5
"""Seconds between two attempts to reach the broker at the start."""
END_WITHIN = 5.0
"""Seconds that an app has to stop by itself; a service as a whole has ten."""

log = logs.get(__name__)


def application(settings: KafkaSettings, name: str, *, agents: bool) -> faust.App:
    """Return a Faust app that listens on no port and makes no topic; without agents it reads nothing by itself."""
    credentials = None
    context = tls(settings)
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
        # Nothing is written there, but the library makes the folder.
        datadir=Path(tempfile.gettempdir()) / name,
    )
    app.producer_only = not agents
    return app


async def bury(
    refused: list[DeadLetterCandidate],
    name: str,
    producer: Producer,
    database: Database,
    bound: int,
    stopped: Callable[[], bool],
) -> None:
    """Make dead letters of what cannot be read; nothing is dropped without a trace."""

    def count() -> None:
        with database.transaction() as connection:
            dead_letters.count(connection, name, refused, bound)

    for each in refused:
        log.warning("dead_letter", topic=each.record.topic, position=each.record.position, reason=each.reason)
    while not stopped():
        try:
            await asyncio.to_thread(count)
            await producer.publish([dead_letters.letter(each, name) for each in refused])
        except (Retryable, Unacknowledged):
            await asyncio.sleep(1.0)
        else:
            return


class ServiceFactory(Protocol):
    """Makes the part of an app that is a service's own."""

    def __call__(self, app: faust.App, /, database: Database, clock: Clock, health: Health) -> faust.Service:
        """Return what runs beside the app's agents."""
        ...


def run(name: str, settings: Settings, build: ServiceFactory, *, agents: bool = False) -> None:
    """Run a service on Faust until it is told to stop; ends the process with a code that says why."""

    def body(running: StopSignal, health: Health) -> None:
        database = Database(settings.database_url, name=name)
        clock = process.wait_for_clock(database, settings, running, health)
        if clock is not None:

            def make(app: faust.App) -> faust.Service:
                return build(app, database, clock, health)

            process.rarely_look_for_cycles()
            runner = asyncio.Runner()
            ended, reason = runner.run(_together(name, settings, make, running, health, agents=agents))
            if ended:
                runner.close()
            if reason is not None:
                raise reason
        database.close()

    process.run(name, settings, body)


async def _together(
    name: str,
    settings: Settings,
    make: Callable[[faust.App], faust.Service],
    running: StopSignal,
    health: Health,
    *,
    agents: bool,
) -> tuple[bool, BaseException | None]:
    """Run an app until it is told to stop or fails; returns whether all of it ended, and why it failed."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.call_soon_threadsafe(stopped.set)

    running.on_stop(stop)
    while not running.stopping:
        app = application(settings.kafka, f"duban-{name}", agents=agents)
        own = make(app)
        try:
            await app.start()
            await app.add_runtime_dependency(own)
        except KafkaError as error:
            health.beat("start")
            health.lack("kafka", f"the broker is away ({type(error).__name__})")
            log.warning("broker_away", error=type(error).__name__)
            await app.stop()
            await asyncio.sleep(RETRY)
            continue
        ends = [asyncio.create_task(each) for each in (own.wait_until_stopped(), app.wait_until_stopped())]
        await asyncio.wait({*ends, asyncio.create_task(stopped.wait())}, return_when=asyncio.FIRST_COMPLETED)
        stopping = asyncio.create_task(app.stop())
        # The library waits minutes for what will never be acknowledged; the end of the process ends that as well.
        done, _ = await asyncio.wait({stopping}, timeout=END_WITHIN)
        if not done:
            log.warning("ended_hard", seconds=END_WITHIN)
        return bool(done), own.crash_reason or app.crash_reason
    return True, None
