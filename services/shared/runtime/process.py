"""The frame of a service process: logs, health pages, signals, and a stop that leaves nothing half done."""

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

STOP_WITHIN = 10
"""Seconds within which a service ends after SIGTERM."""


class StopSignal:
    """Whether the process was told to stop, and whom to tell."""

    def __init__(self) -> None:
        self.stopping = False
        self._hooks: list[Callable[[], None]] = []

    def on_stop(self, hook: Callable[[], None]) -> None:
        """Call the hook when SIGTERM or SIGINT comes."""
        self._hooks.append(hook)

    def stop(self, *_: int | FrameType | None) -> None:
        """Ask everything to end after what it is doing."""
        self.stopping = True
        for hook in self._hooks:
            hook()


def run(service: str, settings: Settings, body: Callable[[StopSignal, Health], None]) -> None:
    """Run a service until it is told to stop; ends the process with a code that says why.

    Exit codes: 0 told to stop, 2 wrongly configured, 3 stopped itself (dead letters, fenced), 1 anything else.
    """
    logs.configure(service, settings.log_level)
    running, health = StopSignal(), Health()
    signal.signal(signal.SIGTERM, running.stop)
    signal.signal(signal.SIGINT, running.stop)
    try:
        if settings.faults is not None and settings.environment == "production":
            raise ConfigurationError("DUBAN_FAULTS is for tests: unset it, or DUBAN_ENVIRONMENT=production")
        with HealthServer(health, settings.operations_host, settings.operations_port) as pages:
            log.info("started", operations_port=pages.port, environment=settings.environment)
            body(running, health)
    except ConfigurationError as error:
        log.error("wrongly_configured", reason=str(error))  # noqa: TRY400 - a sentence, not a trace
        sys.exit(2)
    except DubanError as error:
        log.error("stopped_itself", reason=str(error))  # noqa: TRY400 - a sentence, not a trace
        sys.exit(3)
    except Exception:
        log.exception("failed")
        sys.exit(1)
    log.info("stopped")


def rarely_look_for_cycles() -> None:
    """Collect cycles seldom: a batch leaves none, and what the start made stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def wait_for_clock(database: Database, settings: Settings, running: StopSignal, health: Health) -> Clock | None:
    """Return the deployment's clock, waiting for the database; None when told to stop before it came."""
    while not running.stopping:
        try:
            clock = deployment.announced(database, settings.environment)
        except Retryable as error:
            health.lack("database", str(error))
            health.beat("start")
            time.sleep(0.5)
        else:
            health.have("database")
            return clock
    return None
