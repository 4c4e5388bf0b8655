"""A service whose background task ends by itself ends too, so that it is restarted."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from services.shared.observability.health_server import Health
from services.shared.runtime import service_runner
from services.shared.runtime.process import StopSignal
from services.shared.runtime.side_threads import SideThreadEnded


class IdleConsumer:
    """Stands for the batch consumer: waits until it is stopped."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def run(self) -> None:
        assert self._stopped.wait(10)

    def stop(self) -> None:
        self._stopped.set()


class ScriptedTask:
    """A background task that fails, exits or ends at once, or waits until it is stopped."""

    def __init__(self, behaviour: str) -> None:
        self._behaviour = behaviour
        self.stopped = threading.Event()

    def run(self, heartbeat: Callable[[], None]) -> None:
        heartbeat()
        if self._behaviour == "exits":
            raise SystemExit
        if self._behaviour == "fails":
            raise ValueError("a notice that crashes the worker")
        if self._behaviour == "waits":
            assert self.stopped.wait(10)

    def stop(self) -> None:
        self.stopped.set()


@pytest.mark.parametrize("behaviour", ["fails", "exits", "ends"])
def test_a_background_task_that_ends_by_itself_ends_the_service(behaviour: str) -> None:
    consumer: Any = IdleConsumer()
    other = ScriptedTask("waits")
    with pytest.raises(SideThreadEnded, match="ScriptedTask"):
        service_runner.run_with_background_tasks(consumer, [ScriptedTask(behaviour), other], StopSignal(), Health())
    assert other.stopped.is_set()


def test_a_service_that_is_stopped_ends_without_an_error() -> None:
    consumer: Any = IdleConsumer()
    stop_signal, tasks = StopSignal(), [ScriptedTask("waits"), ScriptedTask("waits")]
    threading.Timer(0.05, stop_signal.stop).start()
    service_runner.run_with_background_tasks(consumer, tasks, stop_signal, Health())
    assert all(task.stopped.is_set() for task in tasks)
