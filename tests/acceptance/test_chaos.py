"""One short round of chaos: everything is killed, and every promise holds (DESIGN 9). `make chaos` plays long ones."""

import os
import subprocess
import sys

import pytest

from chaos.round import KILLED
from deploy.local.plan import SERVICES
from deploy.tools.checkout import PROJECT


@pytest.mark.skipif(os.environ.get("STACK") == "containers", reason="kills OS processes, which containers hide")
@pytest.mark.requirement("R2.4", "R2.5", "R4.9")
def test_everything_may_be_killed_and_nothing_is_lost() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "chaos", "--rounds", "1", "--short"],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.strip().splitlines()[-1]
    assert last.startswith(f"chaos ok: rounds=1 failed=0 kills={len(KILLED)} points={len(SERVICES)}")
