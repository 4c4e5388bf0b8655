"""Runs a service process: sets up logs, health pages and signal handlers, and exits with a code that says why."""

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection
from types import FrameType

from services.shared.observability import logs
from services.shared.observability.health_server import Health, HealthServer
from services.shared.observability.metrics import clock_metrics
from services.shared.postgres.database import Database
from services.shared.runtime import deployment
from services.shared.runtime.clock import Clock
from services.shared.runtime.dependency_watch import DependencyWatch
from services.shared.runtime.errors import ConfigurationError, DubanError, Retryable
from services.shared.runtime.host_clock import HostClock, TrustedClock
from services.shared.runtime.settings import Settings

STOP_TIMEOUT = 9.0
"""Seconds after the stop signal at which the process ends, whatever waits: at-least-once allows it at any time."""
CLOCK_RETRY = 0.2
"""Seconds between two looks whether everything is there that a service needs to start."""

log = logs.get(__name__)


class StopSignal:
    """Whether the process has to stop; `stop` is installed as the handler of SIGTERM and SIGINT."""

    def __init__(self) -> None:
        self.stopping = False
        self._hooks: list[Callable[[], None]] = []

    def on_stop(self, hook: Callable[[], None]) -> None:
        """Register a function to be called when the process has to stop."""
        self._hooks.append(hook)

    def stop(self, *_: int | FrameType | None) -> None:
        """Ask every part of the service to end after its current work; takes the arguments of a signal handler."""
        if self.stopping:
            return
        self.stopping = True
        for hook in self._hooks:
            hook()


Body = Callable[[StopSignal, Health, HostClock], None]


def run(service: str, settings: Settings, body: Body, *, essential: Collection[str] | None = None) -> None:
    """Run a service until it is stopped by a signal; an error ends the process with a code that says what to do.

    Args:
        service: its name in logs.
        settings: from the environment.
        body: runs the service; it has to return soon after the stop signal.
        essential: components without which the service is of no use to its callers; None: all (see `Health`).

    Raises:
        SystemExit: 2 after a `ConfigurationError`, 3 after another `DubanError` such as the dead-letter limit, 1 after
            any other error.

    """
    logs.configure(service, settings.log_level)
    stop_signal, health = StopSignal(), Health(essential=essential)
    stop_signal.on_stop(_exit_later)
    signal.signal(signal.SIGTERM, stop_signal.stop)
    signal.signal(signal.SIGINT, stop_signal.stop)
    try:
        settings.refuse_unsafe()
        clock = HostClock(clock_metrics())
        with (
            HealthServer(health, settings.operations_host, settings.operations_port) as server,
            DependencyWatch.of_service(service, settings, health, clock),
        ):
            log.info("started", operations_port=server.port, environment=settings.environment)
            body(stop_signal, health, clock)
    except ConfigurationError as error:
        log.error("configuration_error", reason=str(error))  # noqa: TRY400 - a sentence, not a trace
        sys.exit(2)
    except DubanError as error:
        log.error("fatal_error", reason=str(error))  # noqa: TRY400 - a sentence, not a trace
        sys.exit(3)
    except Exception:
        log.exception("failed")
        sys.exit(1)
    log.info("stopped")


def _exit_later() -> None:
    """End the process some seconds from now, unless it has ended by itself: what hangs must not outlive its stop."""

    def exit_now() -> None:
        log.error("stop_timed_out", seconds=STOP_TIMEOUT)
        os._exit(1)

    timer = threading.Timer(STOP_TIMEOUT, exit_now)
    timer.daemon = True
    timer.start()


def tune_garbage_collection() -> None:
    """Collect garbage rarely: a batch leaves no reference cycles, and objects made at startup live on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def wait_for_clock(
    database: Database, settings: Settings, stop_signal: StopSignal, health: Health, host: HostClock
) -> Clock | None:
    """Return the deployment's clock, held against the database's, once the service may start.

    It may when the database has every migration of this version, and the time by it is known; None: it was stopped
    before that. What it waits for is on /readyz.

    Raises:
        ConfigurationError: a scaled clock is stored and this is production.

    """
    while not stop_signal.stopping:
        health.heartbeat("start")
        if host.compared and not health.not_ready.keys() & {"database", "schema", "clock"}:
            try:
                return TrustedClock(deployment.load_and_log_clock(database, settings.environment), host)
            except Retryable as error:
                log.warning("clock_not_loaded", reason=str(error))
        time.sleep(CLOCK_RETRY)
    return None
