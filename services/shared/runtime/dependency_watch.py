"""Keeps what /readyz says about database, schema, clock and broker true, whatever the service's loops wait for."""

import threading
from collections.abc import Callable
from typing import Protocol, Self, TypeVar

from services.shared.kafka.broker_probe import BrokerProbe
from services.shared.observability import logs
from services.shared.observability.health_server import Health
from services.shared.postgres.database_probe import DatabaseAnswer, DatabaseProbe
from services.shared.runtime.errors import Retryable
from services.shared.runtime.host_clock import HostClock
from services.shared.runtime.settings import Settings

DATABASE_INTERVAL, BROKER_INTERVAL = 1.0, 2.0
"""Real seconds between two questions; with those of an answer less than five."""

AnswerT = TypeVar("AnswerT")

log = logs.get(__name__)


class AskedDatabase(Protocol):
    """What the watch asks the database by."""

    def ask(self) -> DatabaseAnswer:
        """Return its answer; raises Retryable."""
        ...

    def close(self) -> None:
        """Disconnect."""
        ...


class AskedBroker(Protocol):
    """What the watch asks the broker by."""

    def ask(self) -> bool:
        """Return True when it has answered; raises Retryable."""
        ...

    def close(self) -> None:
        """Disconnect."""
        ...


class DependencyWatch:
    """Asks database and broker from two threads, and reports to the health pages and to this host's clock.

    Use it as a context manager.
    """

    def __init__(self, health: Health, clock: HostClock, database: AskedDatabase, broker: AskedBroker) -> None:
        self._health = health
        self._clock = clock
        self._database = database
        self._broker = broker
        self._stopping = threading.Event()

    @classmethod
    def of_service(cls, service: str, settings: Settings, health: Health, clock: HostClock) -> "DependencyWatch":
        """Return the watch of a service, with connections of its own."""
        return cls(health, clock, DatabaseProbe(settings.database_url, service), BrokerProbe(settings.kafka, service))

    def __enter__(self) -> Self:
        for ask, interval in ((self.ask_database, DATABASE_INTERVAL), (self.ask_broker, BROKER_INTERVAL)):
            threading.Thread(target=self._repeat, args=(ask, interval), name=ask.__name__, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()

    def _repeat(self, ask: Callable[[], None], interval: float) -> None:
        while not self._stopping.is_set():
            self._health.heartbeat(ask.__name__, beside=True)
            ask()
            self._stopping.wait(interval)

    def ask_database(self) -> None:
        """Report whether the database answers, has every migration, and agrees with this host about the time."""
        answer = self._ask("database", self._database.ask)
        if answer is None:
            return
        self._clock.compare(answer.time, answer.asked_at)
        self._report("clock", self._clock.problem)
        missing = ", ".join(answer.missing)
        self._report("schema", f"migrations are missing: {missing}; run `duban db migrate`" if missing else None)

    def ask_broker(self) -> None:
        """Report whether the broker answers."""
        self._ask("kafka", self._broker.ask)

    def _ask(self, component: str, ask: Callable[[], AnswerT]) -> AnswerT | None:
        try:
            answer = ask()
        except Retryable as error:
            self._report(component, str(error))
            return None
        except Exception as error:
            log.exception("probe_failed", component=component)
            self._report(component, f"it cannot be asked ({type(error).__name__})")
            return None
        self._report(component, None)
        return answer

    def _report(self, component: str, problem: str | None) -> None:
        if problem is None:
            self._health.mark_ready(component)
        else:
            self._health.mark_not_ready(component, problem)
