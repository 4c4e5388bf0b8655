"""The fixtures of the running system and of a database alone, and the order of test folders."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import PostgresServer, running_postgres
from tests.system import System, running_system

# Let the sweeper act, and webhooks be retried, within the time that a test waits.
os.environ.setdefault("DUBAN_TUNE_SWEEP_AFTER", "4")
os.environ.setdefault("DUBAN_TUNE_SWEEP_EVERY", "1")
os.environ.setdefault("DUBAN_TUNE_WEBHOOK_PRIVATE", "true")
os.environ.setdefault("DUBAN_TUNE_WEBHOOK_PACE", "0.00002")
os.environ.setdefault("DUBAN_TUNE_CHANNELS", str(Path(__file__).parent / "channels.toml"))


# Modules and parsed policies stay until the end: the collector need not look at them over and over.
gc.set_threshold(50_000, 20, 100)


def pytest_collection_finish() -> None:
    """Leave what was imported out of garbage collections."""
    gc.freeze()


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Start the real system once per run."""
    data: Path = tmp_path_factory.mktemp("system") / "data"
    with running_system(data) as running:
        yield running


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """Start a database server without anything else once per run."""
    with running_postgres(tmp_path_factory.mktemp("postgres") / "data") as server:
        yield server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by folder and property tests as `fuzz`, and run fast folders first.

    Acceptance tests that start a system of their own run before those that share one, so that only one system runs at
    a time.
    """
    order = {"unit": 0, "architecture": 1, "packaging": 1, "contract": 2, "integration": 4, "acceptance": 5}
    for item in items:
        if _folder(item) in {"integration", "acceptance"}:
            item.add_marker(getattr(pytest.mark, _folder(item)))
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.fuzz)

    def position(item: pytest.Item) -> int:
        own_system = _folder(item) == "acceptance" and "system" not in getattr(item, "fixturenames", ())
        return 3 if own_system else order[_folder(item)]

    items.sort(key=position)


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(Path(__file__).parent).parts[0]
