"""Wires intake: the HTTP door runs in the main thread; channel topics, SMTP door and key refresh in other threads."""

import contextlib
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import uvicorn

from services.intake import access_log, rate_limit
from services.intake.channel_topics import ChannelTopicHandler, topics
from services.intake.http import application
from services.intake.http_context import HttpContext
from services.intake.ingest import Ingestor
from services.intake.metrics import IntakeMetrics
from services.intake.senders import SenderRegistry
from services.intake.settings import IntakeSettings
from services.intake.smtp_server import SmtpServer
from services.policies.versions import PolicyRegistry
from services.shared.kafka.batch_consumer import BatchConsumer
from services.shared.kafka.request_publisher import RequestPublisher
from services.shared.observability import logs
from services.shared.observability.health_server import Health
from services.shared.observability.metrics import ConsumerMetrics
from services.shared.postgres.database import Database
from services.shared.runtime import process
from services.shared.runtime.errors import Retryable, TooManyBugs
from services.shared.runtime.host_clock import HostClock
from services.shared.runtime.process import StopSignal
from services.shared.runtime.side_threads import SideThreads

NAME = "intake"
ESSENTIAL = ("start", "keys", "door", "kafka", "clock")
"""What the doors cannot do without: contacts are accepted without the database and while no channel topic is read."""
SETTLE_SECONDS = 1.0
"""Real seconds between two times at which the doors settle the rates of their senders."""
KEY_REFRESH_SECONDS = 3.0
"""Real seconds between two reads of the senders' keys."""
RETENTION_SECONDS = 3600.0
"""Real seconds between two deletions of what is kept no longer."""
REQUEST_WITHIN = 4.0
"""Real seconds that a transaction of a request may take, so that it is answered within five."""
BUG_PAUSE_SECONDS = 300.0
"""Real seconds after which the channel topics are read again when our own code failed on too many of their records."""
RETRY_SECONDS = 0.2
"""Real seconds between two tries until keys and broker have been reached once."""

log = logs.get(__name__)


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signal handling to `process.run`, and says that its event loop is running."""

    def __init__(self, config: uvicorn.Config, health: Health) -> None:
        super().__init__(config)
        self._health = health

    async def on_tick(self, counter: int) -> bool:
        """Send a sign of life; called by the library ten times a second."""
        self._health.heartbeat("door")
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main() -> None:
    """Run intake until it is stopped.

    Raises:
        ConfigurationError: a setting, a mapping or the channels file cannot be used.
        DubanError: the consumer of the channel topics failed.

    """
    settings = IntakeSettings()

    def body(running: StopSignal, health: Health, host: HostClock) -> None:
        ingestor = Ingestor.from_settings(settings)
        metrics = IntakeMetrics()
        database = Database(settings.database_url, name=NAME, size=8, within=REQUEST_WITHIN)
        topics_database = Database(settings.database_url, name=f"{NAME}-topics", size=2)
        publisher = RequestPublisher(
            settings.kafka, f"{NAME}-door", timeout=settings.acknowledge_within, max_in_flight=settings.in_flight
        )
        senders = SenderRegistry(database, host.now)
        context = HttpContext(settings, database, senders, publisher, metrics, ingestor)
        server = _Server(
            uvicorn.Config(
                application(context),
                host=settings.http_host,
                port=settings.http_port,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=5,
            ),
            health,
        )
        stopping = threading.Event()

        def stop() -> None:
            stopping.set()
            server.should_exit = True
            database.stop()
            topics_database.stop()

        threads = SideThreads(stop)
        # First of all, so that what the stop signal ends does not count as a failure.
        running.on_stop(threads.expect_end)
        running.on_stop(stop)
        mail = SmtpServer(context) if settings.mail_port else None
        publisher.start()
        threads.start("channels", partial(_consume_channel_topics, context, topics_database, running, health, host))
        threads.start("keys", partial(_refresh_keys, context, stopping, health))
        threads.start("retention", partial(_delete_expired_accesses, context, stopping, health))
        threads.start("rates", partial(_settle_rates, context, stopping, health))
        try:
            if mail is not None:
                mail.start()
            server.run()
        finally:
            threads.expect_end()
            running.stop()
            if mail is not None:
                mail.stop()
            threads.join()
            publisher.close()
            database.close()
            topics_database.close()
        threads.raise_failure()

    process.run(NAME, settings, body, essential=ESSENTIAL)


def _refresh_keys(context: HttpContext, stopping: threading.Event, health: Health) -> None:
    """Read the senders' keys and write their last use periodically, and report readiness."""
    while not stopping.is_set():
        health.heartbeat("keys", beside=True)
        try:
            context.senders.refresh()
            context.senders.save_last_used()
        except Retryable as error:
            if not context.senders.loaded:
                health.mark_not_ready("keys", str(error))
        else:
            health.mark_ready("keys")
        if context.publisher.connected:
            health.mark_ready("door")
        else:
            health.mark_not_ready("door", "the broker has not been reached yet")
        if context.senders.loaded and context.publisher.connected:
            health.mark_ready("start")
        stopping.wait(KEY_REFRESH_SECONDS if context.senders.loaded and context.publisher.connected else RETRY_SECONDS)


def _settle_rates(context: HttpContext, stopping: threading.Event, health: Health) -> None:
    """Share the rates of senders with the other doors, once a second."""
    while not stopping.wait(SETTLE_SECONDS):
        health.heartbeat("rates", beside=True)
        try:
            with context.database.transaction() as connection:
                rate_limit.settle(context.rate_limiter, connection)
        except Retryable as error:
            log.warning("rates_not_settled", error=str(error))


def _delete_expired_accesses(context: HttpContext, stopping: threading.Event, health: Health) -> None:
    """Delete, once an hour, the records of readings that have outlived their retention."""
    retention = timedelta(days=context.settings.access_days)
    due = time.monotonic()
    while not stopping.is_set():
        health.heartbeat("retention", beside=True)
        if time.monotonic() >= due:
            try:
                if not access_log.delete_expired(context.database, retention):
                    due = time.monotonic() + RETENTION_SECONDS
            except Retryable as error:
                log.warning("accesses_not_deleted", error=str(error))
        stopping.wait(KEY_REFRESH_SECONDS)


def _consume_channel_topics(
    context: HttpContext, database: Database, running: StopSignal, health: Health, host: HostClock
) -> None:
    """Wait for the business clock, then consume the channel topics until the service stops."""
    settings = context.settings
    clock = process.wait_for_clock(database, settings, running, health, host)
    if clock is None:
        return
    context.packs = PolicyRegistry(context.database, clock)
    context.clock = clock
    handler, metrics = ChannelTopicHandler(context.ingestor, clock, context.metrics), ConsumerMetrics(NAME)
    while not running.stopping:
        consumer = BatchConsumer(
            handler,
            service=NAME,
            topics=topics(context.ingestor),
            settings=settings,
            database=database,
            health=health,
            metrics=metrics,
        )
        running.on_stop(consumer.stop)
        try:
            if not running.stopping:
                consumer.run()
        except TooManyBugs as error:
            # The door goes on: only this loop stops, until it may have been mended.
            log.error("channel_topics_stopped", reason=str(error), seconds=BUG_PAUSE_SECONDS)  # noqa: TRY400
            _pause(running, health, context.metrics)


def _pause(running: StopSignal, health: Health, metrics: IntakeMetrics) -> None:
    """Wait before the channel topics are read again."""
    metrics.channels_stopped.set(1)
    until = time.monotonic() + BUG_PAUSE_SECONDS
    while not running.stopping and time.monotonic() < until:
        health.heartbeat()
        time.sleep(RETRY_SECONDS)
    metrics.channels_stopped.set(0)
