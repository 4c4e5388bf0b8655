"""`duban` offers every command, and loads for one only what that one needs."""

import subprocess
import sys

import pytest
import typer.main

from deploy.tools.checkout import PROJECT
from duban.application import MODULES, application, needed


def _names(*modules: str) -> set[str]:
    return set(typer.main.get_command(application(modules)).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("module", MODULES)
def test_the_table_has_the_commands_of_each_module(module: str) -> None:
    assert _names(module) == {*MODULES[module], "explain"}


def test_every_module_of_commands_stands_in_the_table() -> None:
    files = {each.stem for each in (PROJECT / "duban" / "commands").glob("*.py")}
    registering = {each for each in files if "def register(app" in _text(each)}
    assert registering == set(MODULES)


def _text(module: str) -> str:
    return (PROJECT / "duban" / "commands" / f"{module}.py").read_text(encoding="utf-8")


def test_what_is_no_command_gets_the_whole_list() -> None:
    assert needed("") == needed("--help") == needed("tikcet") == tuple(MODULES)
    assert needed("tickets") == ("contacts",)


@pytest.mark.parametrize(
    ("words", "others"),
    [
        (["explain", "--text", "x"], {"typer", "rich", "kafka", "psycopg", "fastapi", "structlog"}),
        (["ticket", "--help"], {"openpyxl", "reportlab", "kafka", "fastapi", "jinja2"}),
    ],
)
def test_a_command_starts_without_the_libraries_of_the_others(words: list[str], others: set[str]) -> None:
    code = (
        f"import sys; sys.argv = ['duban', *{words!r}]\n"
        "import duban.__main__ as m\n"
        "try: m.main()\n"
        "except SystemExit as e: assert e.code == 0\n"
        f"print(sorted({others!r} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert told.stdout.splitlines()[-1] == "[]"
