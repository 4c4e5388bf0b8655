"""Runs a service process: sets up logs, health pages and signal handlers, and exits with a code that says why."""

import gc
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

from services.shared.observability import logs
from services.shared.observability.health_server import Health, HealthServer
from services.shared.postgres.database import Database
from services.shared.runtime import deployment
from services.shared.runtime.clock import Clock
from services.shared.runtime.errors import ConfigurationError, DubanError, Retryable
from services.shared.runtime.settings import Settings

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
        self.stopping = True
        for hook in self._hooks:
            hook()


def run(service: str, settings: Settings, body: Callable[[StopSignal, Health], None]) -> None:
    """Run a service until it is stopped by a signal; an error ends the process with a code that says what to do.

    Args:
        service: its name in logs.
        settings: from the environment.
        body: runs the service; it has to return soon after the stop signal.

    Raises:
        SystemExit: 2 after a `ConfigurationError`, 3 after another `DubanError` such as the dead-letter limit, 1 after
            any other error.

    """
    logs.configure(service, settings.log_level)
    stop_signal, health = StopSignal(), Health()
    signal.signal(signal.SIGTERM, stop_signal.stop)
    signal.signal(signal.SIGINT, stop_signal.stop)
    try:
        if settings.faults is not None and settings.environment == "production":
            raise ConfigurationError("DUBAN_FAULTS is for tests: unset it, or DUBAN_ENVIRONMENT=production")
        with HealthServer(health, settings.operations_host, settings.operations_port) as server:
            log.info("started", operations_port=server.port, environment=settings.environment)
            body(stop_signal, health)
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


def tune_garbage_collection() -> None:
    """Collect garbage rarely: a batch leaves no reference cycles, and objects made at startup live on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def wait_for_clock(database: Database, settings: Settings, stop_signal: StopSignal, health: Health) -> Clock | None:
    """Return the deployment's clock as soon as the database is available; None when stopped before that.

    Raises:
        ConfigurationError: the database is not migrated, or a scaled clock is stored and this is production.

    """
    while not stop_signal.stopping:
        try:
            clock = deployment.load_and_log_clock(database, settings.environment)
        except Retryable as error:
            health.mark_not_ready("database", str(error))
            health.heartbeat("start")
            time.sleep(0.5)
        else:
            health.mark_ready("database")
            return clock
    return None
