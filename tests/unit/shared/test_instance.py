"""Names of processes: configured, or host name and the lowest slot that no living process holds."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.shared.runtime import instance
from services.shared.runtime.errors import ConfigurationError
from services.shared.runtime.instance import instance_name, take
from services.shared.runtime.settings import Settings

HOST = socket.gethostname()


@pytest.fixture(autouse=True)
def _new_process() -> Iterator[None]:
    """Let this process be one that has taken no slot yet, and take none along."""
    yield
    instance._slot.cache_clear()
    while instance._locks:
        instance._locks.pop().close()


def test_a_configured_name_is_used_as_it_is(tmp_path: Path) -> None:
    assert instance_name("ledger", Settings(instance="ledger-a", slots=tmp_path)) == "ledger-a"
    assert not list(tmp_path.iterdir())


def test_a_process_keeps_the_lowest_free_slot_and_the_next_one_gets_it_again(tmp_path: Path) -> None:
    settings = Settings(slots=tmp_path)
    first = take(tmp_path / "ledger-0.lock")
    assert first is not None
    assert instance_name("ledger", settings) == f"ledger-{HOST}-1"
    first.close()
    assert instance_name("ledger", settings) == f"ledger-{HOST}-1", "a process does not change its name"
    instance._slot.cache_clear()
    assert instance_name("ledger", settings) == f"ledger-{HOST}-0"


def test_services_do_not_take_slots_from_each_other(tmp_path: Path) -> None:
    settings = Settings(slots=tmp_path)
    assert instance_name("ledger", settings) == f"ledger-{HOST}-0"
    assert instance_name("router", settings) == f"router-{HOST}-0"


def test_a_folder_that_cannot_be_written_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"set DUBAN_INSTANCE .* or DUBAN_SLOTS"):
        instance_name("ledger", Settings(slots=tmp_path / "file"))
