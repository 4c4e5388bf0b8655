"""A service whose background task ends by itself ends too, so that it is restarted."""

import threading
from typing import Any

import pytest

from services.shared.runtime import service_runner


class IdleConsumer:
    """Stands for the batch consumer: waits until it is stopped."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def run(self) -> None:
        assert self._stopped.wait(10)

    def stop(self) -> None:
        self._stopped.set()


class ScriptedTask:
    """A background task that fails at once, ends at once, or waits until it is stopped."""

    def __init__(self, behaviour: str) -> None:
        self._behaviour = behaviour
        self.stopped = threading.Event()

    def run(self) -> None:
        if self._behaviour == "fails":
            raise ValueError("a notice that crashes the worker")
        if self._behaviour == "waits":
            assert self.stopped.wait(10)

    def stop(self) -> None:
        self.stopped.set()


@pytest.mark.parametrize("behaviour", ["fails", "ends"])
def test_a_background_task_that_ends_by_itself_ends_the_service(behaviour: str) -> None:
    consumer: Any = IdleConsumer()
    other = ScriptedTask("waits")
    with pytest.raises(service_runner.BackgroundTaskEnded, match="ScriptedTask"):
        service_runner.run_with_background_tasks(consumer, [ScriptedTask(behaviour), other])
    assert other.stopped.is_set()


def test_a_service_that_is_stopped_ends_without_an_error() -> None:
    consumer: Any = IdleConsumer()
    threading.Timer(0.05, consumer.stop).start()
    service_runner.run_with_background_tasks(consumer, [ScriptedTask("waits")])
