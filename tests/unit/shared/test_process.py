"""When a service may start, and how it ends."""

import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from services.shared.observability.health_server import Health
from services.shared.observability.metrics import ClockMetrics
from services.shared.postgres.database import Database
from services.shared.runtime import deployment, process
from services.shared.runtime.clock import SystemClock
from services.shared.runtime.errors import Retryable
from services.shared.runtime.host_clock import HostClock, TrustedClock
from services.shared.runtime.process import StopSignal
from services.shared.runtime.settings import Settings

NOW = datetime(2026, 3, 12, 1, tzinfo=UTC)


class Startup:
    """A service that waits for what it needs; `steps` are done one after the other, each time it looks again."""

    def __init__(self, patch: pytest.MonkeyPatch, *steps: Any) -> None:
        self.health = Health()
        self.host = HostClock(ClockMetrics(CollectorRegistry()), wall=NOW.timestamp, monotonic=lambda: 1.0)
        self.stop_signal = StopSignal()
        self.looks = 0
        self._steps = list(steps)
        patch.setattr(time, "sleep", self._next)
        patch.setattr(deployment, "load_and_log_clock", self._load)

    def _load(self, *_: object) -> SystemClock:
        if any(self._steps):
            raise Retryable("not yet")
        return SystemClock()

    def _next(self, _: float) -> None:
        self.looks += 1
        step = self._steps.pop(0)
        if step is not None:
            step(self)

    def wait(self) -> Any:
        database = cast("Database", SimpleNamespace())
        return process.wait_for_clock(database, Settings(), self.stop_signal, self.health, self.host)


def compare(startup: Startup) -> None:
    startup.host.compare(NOW, 1.0)


def test_a_service_starts_once_time_and_schema_are_as_they_have_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    startup = Startup(
        monkeypatch,
        compare,
        lambda it: it.health.mark_not_ready("schema", "a migration is missing"),
        None,
        lambda it: it.health.mark_ready("schema"),
    )
    assert isinstance(startup.wait(), TrustedClock)
    assert startup.looks == 4


def test_a_service_that_is_stopped_before_it_started_waits_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    startup = Startup(monkeypatch, lambda it: it.stop_signal.stop())
    assert startup.wait() is None


def test_a_second_stop_signal_calls_nothing_again() -> None:
    stopped: list[int] = []
    stop_signal = StopSignal()
    stop_signal.on_stop(lambda: stopped.append(1))
    stop_signal.stop()
    stop_signal.stop()
    assert stopped == [1]
