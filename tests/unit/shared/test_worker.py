"""A service whose side work ends is not alive: it ends, so that it is started again."""

import threading
from typing import Any

import pytest

from services.shared.runtime import service_runner


class Loop:
    """Runs until told to stop."""

    def __init__(self) -> None:
        self._told = threading.Event()

    def run(self) -> None:
        """Wait."""
        assert self._told.wait(10)

    def stop(self) -> None:
        """End it."""
        self._told.set()


class Side:
    """Side work that fails at once, ends at once, or waits until it is told to stop."""

    def __init__(self, how: str) -> None:
        self._how = how
        self._told = threading.Event()

    def run(self) -> None:
        """Do so."""
        if self._how == "fails":
            raise ValueError("a poisonous notice")
        if self._how == "waits":
            assert self._told.wait(10)

    def stop(self) -> None:
        """End it."""
        self._told.set()


@pytest.mark.parametrize("how", ["fails", "ends"])
def test_a_thread_that_ends_on_its_own_ends_the_service(how: str) -> None:
    loop: Any = Loop()
    other = Side("waits")
    with pytest.raises(service_runner.BackgroundTaskEnded, match="Side"):
        service_runner._together(loop, [Side(how), other])
    assert other._told.is_set()


def test_a_service_that_is_told_to_stop_ends_well() -> None:
    loop: Any = Loop()
    threading.Timer(0.05, loop.stop).start()
    service_runner._together(loop, [Side("waits")])
