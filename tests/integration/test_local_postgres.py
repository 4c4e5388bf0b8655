"""PostgreSQL runs without root's privileges, wherever its programs and its data lie."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.postgres import NOBODY, unprivileged

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop")


def test_programs_below_a_folder_that_only_root_may_enter_are_found(tmp_path: Path) -> None:
    """A clone in root's home: initdb looks for the server by access(2), which looks at the user and not at rights."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    program = private / "postgres"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    code = f"import os; print(os.getuid(), os.geteuid(), os.access({str(program)!r}, os.X_OK))"
    found = subprocess.run(
        [*unprivileged(), sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/"
    )
    assert found.stdout.split() == [str(NOBODY), str(NOBODY), "True"]


def test_nothing_but_access_to_files_is_left_of_root_s_privileges() -> None:
    command = [*unprivileged(), "grep", "-E", "^Cap(Prm|Eff)", "/proc/self/status"]
    status = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert {int(line.split()[1], 16) for line in status.splitlines()} == {1 << 1}  # CAP_DAC_OVERRIDE
