"""A short round of chaos: every process is killed, and every promise holds (DESIGN 9)."""

import os
import subprocess
import sys

import pytest

from chaos.round import STORES
from deploy.local.plan import SERVICES
from deploy.tools.checkout import PROJECT


@pytest.mark.skipif(os.environ.get("STACK") == "containers", reason="kills OS processes, which containers hide")
@pytest.mark.requirement("R2.4", "R2.5", "R4.9")
def test_nothing_is_lost_when_every_process_is_killed() -> None:
    completed = subprocess.run(
        [sys.executable, "-m", "chaos", "--rounds", "1", "--short"],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        check=False,
        timeout=400,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    last = completed.stdout.strip().splitlines()[-1]
    assert last.startswith(f"chaos ok: rounds=1 failed=0 kills={len(SERVICES) + len(STORES)} points={len(SERVICES)}")
