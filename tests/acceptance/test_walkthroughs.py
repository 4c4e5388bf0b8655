"""The page about policies is followed to its end on a running system: diff, apply, rollback."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.tools.checkout import PROJECT
from tests.system import System
from tests.walkthrough import follow


@pytest.mark.requirement("R4.12", "R8")
def test_the_page_about_policies_can_be_followed_to_its_end(system: System, tmp_path: Path) -> None:
    environment = os.environ | {"COLUMNS": "300", "DUBAN_DATA": str(system.stack.folder.root)}

    def run(command: str) -> tuple[int, str]:
        arguments = [sys.executable, "-m", "duban", *shlex.split(command, comments=True)]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
        return done.returncode, done.stdout + done.stderr

    page = (PROJECT / "docs" / "policies.md").read_text(encoding="utf-8")
    assert list(follow(page, tmp_path, run)) == []
