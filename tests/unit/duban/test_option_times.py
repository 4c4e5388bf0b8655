"""Times and time zones of options: a wrong one is refused with the option, the reason and what to do."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from duban.application import application
from duban.commands.sender import parse_expiry
from duban.defaults import DEFAULT_ZONE
from duban.option_times import parse_instant
from services.shared.runtime.errors import DubanError

COMMANDS = {"access": ("access", "list"), "ticket": ("ticket", "show", "TS20260312000001"), "hot": ("hot", "list")}
"""Commands that show times in a zone, by their module."""


def failure(module: str, *arguments: str) -> str:
    """Return the sentence with which a command fails."""
    result = CliRunner().invoke(application([module]), list(arguments))
    assert isinstance(result.exception, DubanError), result.output
    return str(result.exception)


@pytest.mark.parametrize("module", COMMANDS)
@pytest.mark.parametrize("zone", ["bad", "Asia", "../etc", ""])
def test_a_zone_that_is_none_is_refused_before_anything_is_read(module: str, zone: str) -> None:
    expected = f"--zone: there is no time zone {zone!r}: write it as Asia/Shanghai"
    assert failure(module, *COMMANDS[module], "--zone", zone) == expected


def test_hot_show_refuses_it_too() -> None:
    assert failure("hot", "hot", "show", "1a2b", "--zone", "bad").startswith("--zone: there is no time zone 'bad'")


@pytest.mark.parametrize("option", ["--from", "--since"])
def test_a_time_that_is_none_names_its_option(option: str) -> None:
    with pytest.raises(DubanError) as raised:
        parse_instant("soon", option=option, zone=DEFAULT_ZONE)
    assert str(raised.value) == f"{option}: 'soon' is no time: write it as 2026-03-01 or 2026-03-01T09:30"


def test_a_day_begins_in_its_zone_and_an_offset_counts() -> None:
    day = parse_instant("2026-03-01", option="--from", zone=DEFAULT_ZONE)
    assert day == datetime(2026, 2, 28, 16, tzinfo=UTC)
    assert parse_instant("2026-03-01T09:30+02:00", option="--from", zone=DEFAULT_ZONE) - day == timedelta(hours=15.5)


@pytest.mark.parametrize("text", ["soon", "2027-03-31T18:00"])
def test_an_expiry_that_is_none_names_its_option(text: str) -> None:
    with pytest.raises(DubanError, match=r"^--expires: "):
        parse_expiry(text, datetime(2026, 3, 1, tzinfo=UTC))


def test_a_setting_that_is_none_names_its_option(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("{}")
    assert failure("normalise", "normalise", str(file), "--channel", "web_form", "--received-at", "soon").startswith(
        "--received-at: 'soon' is no time"
    )
    assert failure("normalise", "normalise", str(file), "--channel", "web_form", "--set", "x").startswith("--set: ")
