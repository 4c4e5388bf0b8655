"""Fixtures that every test may ask for."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system import System, running

# The safety net is to be seen within a test's patience.
os.environ.setdefault("DUBAN_TUNE_SWEEP_AFTER", "4")
os.environ.setdefault("DUBAN_TUNE_SWEEP_EVERY", "1")
os.environ.setdefault("DUBAN_TUNE_WEBHOOK_PRIVATE", "true")
os.environ.setdefault("DUBAN_TUNE_WEBHOOK_PACE", "0.00002")
os.environ.setdefault("DUBAN_TUNE_CHANNELS", str(Path(__file__).parent / "channels.toml"))


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The real system, started once per run."""
    data: Path = tmp_path_factory.mktemp("system") / "data"
    with running(data) as found:
        yield found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark by folder, and run what is quick first.

    Tests that bring a system of their own come before those that share one: it would run beside them for nothing.
    """
    order = {"unit": 0, "architecture": 1, "contract": 2, "integration": 4, "acceptance": 5}
    for item in items:
        if _folder(item) in {"integration", "acceptance"}:
            item.add_marker(getattr(pytest.mark, _folder(item)))

    def place(item: pytest.Item) -> int:
        own = _folder(item) == "acceptance" and "system" not in getattr(item, "fixturenames", ())
        return 3 if own else order[_folder(item)]

    items.sort(key=place)


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(Path(__file__).parent).parts[0]
