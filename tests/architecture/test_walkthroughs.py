"""Pages that lead through something can be followed as they stand there: each edit fits, each command does as said."""

import contextlib
import io
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from duban.application import application
from duban.commands import explain
from tests.architecture.source_tree import text_of
from tests.walkthrough import blocks, follow

PAGE = "docs/policies.md"
NEEDS_A_SYSTEM = ("policy diff", "policy apply", "policy versions", "policy rollback")
"""Commands that tests/acceptance/test_walkthroughs.py runs."""


def run(command: str) -> tuple[int, str]:
    """Run a command of duban in this process."""
    arguments = shlex.split(command, comments=True)
    if command.startswith(NEEDS_A_SYSTEM):
        return 0, ""
    if arguments[0] == "explain":
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            return explain.main(arguments[1:]), printed.getvalue()
    done = CliRunner().invoke(application(["policy"]), arguments, env={"COLUMNS": "300"})
    return done.exit_code, f"{done.output}{done.exception or ''}"


def test_the_page_about_policies_can_be_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(follow(text_of(PAGE), tmp_path, run)) == []


def test_the_page_leads_through_every_step() -> None:
    commands = [line for block in blocks(text_of(PAGE)) if block.language == "sh" for line in block.text.splitlines()]
    for step in ("export", "words", "check", "play", "diff", "apply", "rollback"):
        assert any(line.startswith(f"duban policy {step} ") for line in commands)


def test_what_is_not_as_a_page_says_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("x = 1\n", encoding="utf-8")
    page = (
        '```diff title="a.toml"\n-y = 1\n+y = 2\n```\n```sh\nduban up\nduban down  # fails\n```\n```text\nhello\n```\n'
    )
    found = list(follow(page, tmp_path, lambda command: (int(command == "up"), "goodbye")))
    assert [line.partition(":")[0] for line in found] == ["a.toml", "duban up", "duban down  ", "not printed"]
