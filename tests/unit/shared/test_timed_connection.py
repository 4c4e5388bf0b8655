"""Waiting for PostgreSQL ends: for a server that hangs, and when the process has to stop."""

import math
from collections.abc import Callable, Generator

import psycopg
import pytest
from psycopg.waiting import Ready, Wait

from services.shared.postgres.timed_connection import TimedConnection, TimeLimitExceeded, WaitLimit


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic time in seconds, for the test to move."""
    seconds = [100.0]
    monkeypatch.setattr("services.shared.postgres.timed_connection.time.monotonic", lambda: seconds[0])
    return seconds


class Server:
    """Stands for the library's wait loop and a server that answers after so many seconds, or never."""

    def __init__(self, now: list[float], answers_after: float = math.inf) -> None:
        self._now = now
        self._answers_at = now[0] + answers_after

    def request(self) -> Generator[Wait, Ready | int, str]:
        ready: Ready | int = 0
        while not ready:
            ready = yield Wait.R
        return "answer"

    def wait(self, connection: TimedConnection, *, on_tick: Callable[[], None] = lambda: None) -> str:
        """Come by every tenth of a second, as the library does, until the request is answered."""
        generator = connection._until_deadline(self.request())
        next(generator)
        while True:
            self._now[0] += 0.1
            on_tick()
            try:
                generator.send(Ready.R if self._now[0] >= self._answers_at else 0)
            except StopIteration as done:
                return str(done.value)


def connection(limit: WaitLimit | None = None) -> TimedConnection:
    made = TimedConnection.__new__(TimedConnection)
    made.limit = limit or WaitLimit()
    return made


def test_a_server_that_hangs_is_waited_for_until_the_deadline(now: list[float]) -> None:
    waiting = connection()
    with pytest.raises(TimeLimitExceeded), waiting.within(4.0):
        Server(now).wait(waiting)
    assert now[0] == pytest.approx(104.1, abs=0.15)


def test_a_server_that_answers_in_time_is_no_error(now: list[float]) -> None:
    waiting = connection()
    with waiting.within(4.0):
        assert Server(now, answers_after=3.5).wait(waiting) == "answer"
    assert waiting.deadline == math.inf


def test_after_the_stop_signal_nothing_waits_for_long(now: list[float]) -> None:
    limit = WaitLimit()
    waiting = connection(limit)

    def stop() -> None:
        if now[0] > 101:
            limit.stop_by = min(limit.stop_by, now[0] + 2)

    with pytest.raises(TimeLimitExceeded), waiting.within(60.0):
        Server(now).wait(waiting, on_tick=stop)
    assert now[0] < 103.5
    assert limit.shorten(2.5) == pytest.approx(0.001)


def test_an_error_of_the_server_reaches_the_caller(now: list[float]) -> None:
    def refused() -> Generator[Wait, Ready | int, None]:
        yield Wait.R
        raise psycopg.errors.UniqueViolation

    generator = connection()._until_deadline(refused())
    next(generator)
    with pytest.raises(psycopg.errors.UniqueViolation):
        generator.send(Ready.R)
    assert now == [100.0]
