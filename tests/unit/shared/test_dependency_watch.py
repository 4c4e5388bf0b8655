"""What /readyz says about database, schema, clock and broker: at once, and only as long as it is so."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from services.shared.observability.health_server import Health
from services.shared.observability.metrics import ClockMetrics
from services.shared.postgres.database_probe import DatabaseAnswer
from services.shared.runtime.dependency_watch import DependencyWatch
from services.shared.runtime.errors import Retryable
from services.shared.runtime.host_clock import HostClock

NOW = datetime(2026, 3, 12, 1, tzinfo=UTC)


class Dependencies:
    """A database and a broker, both for the test to break."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.missing: list[str] = []
        self.ahead = timedelta()
        self.health = Health()
        self.health.mark_ready("start")
        clock = HostClock(ClockMetrics(CollectorRegistry()), wall=NOW.timestamp, monotonic=lambda: 7.0)
        self.watch = DependencyWatch(self.health, clock, self, _Broker(self))

    def ask(self) -> DatabaseAnswer:
        if self.error is not None:
            raise self.error
        return DatabaseAnswer(NOW + self.ahead, 7.0, self.missing)

    def close(self) -> None: ...

    def look(self) -> dict[str, str]:
        self.watch.ask_database()
        self.watch.ask_broker()
        return self.health.not_ready


class _Broker:
    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies

    def ask(self) -> bool:
        if self._dependencies.error is not None:
            raise self._dependencies.error
        return True

    def close(self) -> None: ...


def test_an_outage_is_reported_and_ends() -> None:
    both = Dependencies()
    assert both.look() == {}
    both.error = Retryable("it does not answer")
    assert both.look() == {"database": "it does not answer", "kafka": "it does not answer"}
    both.error = None
    assert both.look() == {}
    assert both.health.ready


def test_an_unexpected_error_of_a_probe_is_reported_and_does_not_end_it() -> None:
    both = Dependencies()
    both.error = LookupError("a bug")
    assert "LookupError" in both.look()["database"]
    assert "a bug" not in both.health.report()


@pytest.mark.requirement("R7.2")
def test_a_missing_migration_is_named() -> None:
    both = Dependencies()
    both.missing = ["0009_migration_names"]
    assert "0009_migration_names" in both.look()["schema"]
    both.missing = []
    assert both.look() == {}


def test_a_clock_beyond_the_bound_is_reported() -> None:
    both = Dependencies()
    both.ahead = timedelta(hours=2)
    assert "7200 s behind" in both.look()["clock"]
