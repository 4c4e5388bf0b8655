"""`duban` has every command, and imports for one only what that one needs."""

import pytest
import typer.main

from deploy.tools.checkout import PROJECT
from duban.application import MODULES, application, modules_for


def _names(*modules: str) -> set[str]:
    return set(typer.main.get_command(application(modules)).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("module", MODULES)
def test_the_table_has_the_commands_of_each_module(module: str) -> None:
    assert _names(module) == {*MODULES[module], "explain"}


def test_every_module_of_commands_stands_in_the_table() -> None:
    files = {path.stem for path in (PROJECT / "duban" / "commands").glob("*.py")}
    registering = {name for name in files if "def register(app" in _text(name)}
    assert registering == set(MODULES)


def _text(module: str) -> str:
    return (PROJECT / "duban" / "commands" / f"{module}.py").read_text(encoding="utf-8")


def test_an_unknown_command_gets_the_whole_list() -> None:
    assert modules_for("") == modules_for("--help") == modules_for("tikcet") == tuple(MODULES)
    assert modules_for("tickets") == ("contacts",)
