"""The project's own files as the architecture tests read them: listed by git, parsed once."""

import ast
import subprocess
from functools import cache

import pytest

from deploy.tools.checkout import PROJECT


@cache
def tracked(pattern: str) -> tuple[str, ...]:
    """Return the paths of the tracked files that match a pattern of git, such as `*.py`."""
    done = subprocess.run(["git", "ls-files", pattern], capture_output=True, text=True, cwd=PROJECT, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout, so there is no list of the project's own files")
    return tuple(name for name in done.stdout.splitlines() if (PROJECT / name).is_file())


@cache
def text_of(name: str) -> str:
    """Return the text of a tracked file."""
    return (PROJECT / name).read_text(encoding="utf-8")


@cache
def tree_of(name: str) -> ast.Module:
    """Return the syntax tree of a tracked Python file."""
    return ast.parse(text_of(name))
