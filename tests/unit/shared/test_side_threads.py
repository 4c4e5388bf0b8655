"""A side thread that ends by itself, for any reason, ends its service."""

import threading
from collections.abc import Callable

import pytest

from services.shared.runtime.errors import ConfigurationError
from services.shared.runtime.side_threads import SideThreadEnded, SideThreads


def _fail(error: BaseException) -> Callable[[], None]:
    def run() -> None:
        raise error

    return run


@pytest.mark.parametrize(
    ("run", "raised"),
    [
        (lambda: None, SideThreadEnded),
        (_fail(ValueError("a bug")), SideThreadEnded),
        (_fail(SystemExit(1)), SideThreadEnded),
        (_fail(ConfigurationError("a setting")), ConfigurationError),
    ],
)
def test_its_end_stops_the_service_and_is_raised(run: Callable[[], None], raised: type[Exception]) -> None:
    stopped = threading.Event()
    threads = SideThreads(stopped.set)
    threads.start("channels", run)
    assert stopped.wait(10)
    threads.join()
    with pytest.raises(raised):
        threads.raise_failure()


def test_the_end_of_a_thread_that_was_stopped_is_none() -> None:
    stopping = threading.Event()
    threads = SideThreads(lambda: pytest.fail("the service was stopped"))
    threads.start("keys", lambda: None if stopping.wait(10) else pytest.fail("not stopped"))
    threads.expect_end()
    stopping.set()
    threads.join()
    threads.raise_failure()
