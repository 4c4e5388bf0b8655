"""`make demo`, small: it ends by itself, with three timelines, nothing lost, and nothing left running."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from services.shared.settings import PROJECT


@pytest.mark.skipif(os.environ.get("STACK") == "containers", reason="the demo brings its own embedded stores")
@pytest.mark.requirement("R7.4")
def test_the_demo_shows_a_day(tmp_path: Path) -> None:
    data = tmp_path / "data"
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--data", str(data), "--contacts", "150", "--seed", "3"],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.strip().splitlines()[-1]
    found = re.fullmatch(
        r"demo ok: contacts=(\d+) tickets=(\d+) warnings=(\d+) breaches=(\d+) callbacks=(\d+) rehandled=(\d+) lost=0",
        last,
    )
    assert found is not None, last
    assert all(int(each) > 0 for each in found.groups()), last
    for title in ("A good one: ", "A breached one: ", "A re-handled one: "):
        assert title in done.stdout
    assert [
        each.pid for each in psutil.process_iter(["cmdline"]) if str(data) in " ".join(each.info["cmdline"] or ())
    ] == []
