"""Programs of their own: a command starts with what it needs and nothing else, and its options arrive."""

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.plan import StackOptions
from deploy.tools.checkout import PROJECT


@pytest.mark.parametrize(
    ("arguments", "others"),
    [
        (["explain", "--text", "x"], {"typer", "rich", "kafka", "psycopg", "fastapi", "structlog"}),
        (["ticket", "--help"], {"openpyxl", "reportlab", "kafka", "fastapi", "jinja2"}),
    ],
)
def test_a_command_starts_without_the_libraries_of_the_others(arguments: list[str], others: set[str]) -> None:
    code = (
        f"import sys; sys.argv = ['duban', *{arguments!r}]\n"
        "import duban.__main__ as m\n"
        "try: m.main()\n"
        "except SystemExit as e: assert e.code == 0\n"
        f"print(sorted({others!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert done.stdout.splitlines()[-1] == "[]"


def test_options_survive_the_way_through_a_command_line(tmp_path: Path) -> None:
    options = StackOptions(
        data=tmp_path, scale=1000.0, origin="2026-03-12T06:00:00+08:00", services=("ledger",), stop_with_parent=True
    )
    script = "import sys; from deploy.local.supervisor import _options; print(_options(sys.argv[1:]))"
    command = [sys.executable, "-c", script, *options.arguments()]
    completed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert completed.stdout.strip() == repr(options)
