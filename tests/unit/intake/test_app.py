"""The channels' loop of intake: what stops it does not stop the door."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from services.intake import app
from services.intake.metrics import IntakeMetrics
from services.shared.observability.health_server import Health
from services.shared.runtime import process
from services.shared.runtime.clock import SystemClock
from services.shared.runtime.errors import TooManyBugs
from services.shared.runtime.process import StopSignal


def test_too_many_bugs_stop_the_channel_topics_for_a_while_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """DECISIONS 41."""
    running, registry, runs = StopSignal(), CollectorRegistry(), list[float | None]()

    class Consumer:
        def __init__(self, *_: Any, **__: Any) -> None: ...

        def stop(self) -> None: ...

        def run(self) -> None:
            runs.append(registry.get_sample_value("duban_channel_topics_stopped"))
            if len(runs) == 1:
                raise TooManyBugs("more than 100")
            running.stop()

    def sleep(_: float) -> None:
        runs.append(registry.get_sample_value("duban_channel_topics_stopped"))
        times.append(1_000.0)

    times = [0.0]
    monkeypatch.setattr(app, "BatchConsumer", Consumer)
    monkeypatch.setattr(app, "topics", lambda _: ["channel.hotline"])
    monkeypatch.setattr(app, "ConsumerMetrics", lambda _: None)
    monkeypatch.setattr(app, "PolicyRegistry", lambda *_: {})
    monkeypatch.setattr(app, "time", SimpleNamespace(monotonic=lambda: times[-1], sleep=sleep))
    monkeypatch.setattr(process, "wait_for_clock", lambda *_: SystemClock())
    context = cast("Any", SimpleNamespace(settings=None, database=None, ingestor=None, metrics=IntakeMetrics(registry)))
    app._consume_channel_topics(context, cast("Any", None), running, Health(), cast("Any", None))
    assert runs == [0.0, 1.0, 0.0]
