"""The wiring of intake: the HTTP door in the main thread, the channel topics and the keys in threads of their own."""

import contextlib
import threading
from collections.abc import Iterator

import uvicorn

from services.intake.channel_topics import ChannelTopicHandler, topics
from services.intake.http import application
from services.intake.http_context import HttpContext
from services.intake.ingest import Ingestor
from services.intake.metrics import IntakeMetrics
from services.intake.senders import SenderRegistry
from services.intake.settings import IntakeSettings
from services.intake.smtp_server import SmtpServer
from services.shared.kafka.batch_consumer import BatchConsumer
from services.shared.kafka.request_publisher import RequestPublisher
from services.shared.observability import logs
from services.shared.observability.health_server import Health
from services.shared.observability.metrics import ConsumerMetrics
from services.shared.postgres.database import Database
from services.shared.runtime import process
from services.shared.runtime.errors import ConfigurationError, DubanError, Retryable
from services.shared.runtime.process import StopSignal

NAME = "intake"
KEY_REFRESH_SECONDS = 3.0
"""Seconds between two readings of the senders' keys."""

log = logs.get(__name__)


class _Server(uvicorn.Server):
    """A server that leaves the signals to the frame of the service."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main() -> None:
    """Run intake until it is told to stop."""
    settings = IntakeSettings()

    def body(running: StopSignal, health: Health) -> None:
        if settings.environment == "production" and settings.contact_key_secret.get_secret_value() == "change-me":
            raise ConfigurationError("set DUBAN_CONTACT_KEY_SECRET: record keys are hashes keyed with it")
        ingestor = Ingestor.from_settings(settings)
        metrics = IntakeMetrics()
        database = Database(settings.database_url, name=NAME, size=8)
        publisher = RequestPublisher(
            settings.kafka, f"{NAME}-door", within=settings.acknowledge_within, most=settings.in_flight
        )
        door = HttpContext(settings, database, SenderRegistry(database), publisher, metrics, ingestor)
        server = _Server(
            uvicorn.Config(
                application(door),
                host=settings.http_host,
                port=settings.http_port,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=5,
            )
        )
        failures: list[DubanError] = []
        stopping = threading.Event()

        def stop() -> None:
            stopping.set()
            server.should_exit = True

        def read_topics() -> None:
            try:
                _consume_channel_topics(door, running, health)
            except DubanError as error:
                failures.append(error)
                stop()

        channels = threading.Thread(target=read_topics, name="channels")
        keys = threading.Thread(target=_refresh_keys, args=(door, stopping, health), name="keys", daemon=True)
        running.on_stop(stop)
        mail = SmtpServer(door) if settings.mail_port else None
        publisher.start()
        channels.start()
        keys.start()
        try:
            if mail is not None:
                mail.start()
            server.run()
        finally:
            running.stop()
            if mail is not None:
                mail.stop()
            channels.join()
            publisher.close()
            database.close()
        if failures:
            raise failures[0]

    process.run(NAME, settings, body)


def _refresh_keys(door: HttpContext, stopping: threading.Event, health: Health) -> None:
    """Read the senders' keys again and again."""
    while not stopping.is_set():
        try:
            door.senders.refresh()
        except Retryable as error:
            if not door.senders.loaded:
                health.lack("keys", str(error))
        else:
            health.have("keys")
        if door.publisher.connected:
            health.have("door")
        else:
            health.lack("door", "the broker has not been reached yet")
        stopping.wait(KEY_REFRESH_SECONDS if door.senders.loaded and door.publisher.connected else 0.2)


def _consume_channel_topics(door: HttpContext, running: StopSignal, health: Health) -> None:
    """Find out what time it is, then read the channel topics."""
    settings = door.settings
    clock = process.wait_for_clock(door.database, settings, running, health)
    if clock is None:
        return
    door.clock = clock
    loop = BatchConsumer(
        ChannelTopicHandler(door.ingestor, clock, door.metrics),
        service=NAME,
        topics=topics(door.ingestor),
        settings=settings,
        database=door.database,
        health=health,
        metrics=ConsumerMetrics(NAME),
    )
    running.on_stop(loop.stop)
    if not running.stopping:
        loop.run()
