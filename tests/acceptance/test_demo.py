"""`make demo`, small: it ends by itself, everything in it happens, nothing is lost, and nothing is left running."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from deploy.tools.checkout import PROJECT

WAYS = (
    "SMS sent",
    "SMS reported as delivered",
    "SMS reported as failed",
    "mails sent",
    "mails that came back",
    "told by the next means after one failed",
    "tasks because nothing reached the reader",
    "held back in the quiet hours",
    "digests to a unit",
    "notices in digests",
    "apologies ordered",
    "apologies with the page as PDF",
    "webhooks with a good signature",
    *(f"calls that ended: {each}" for each in ("answered", "busy", "moved", "no_answer", "opted_out", "refused")),
    *(f"surveys answered {each}" for each in ("by SMS in figures", "by SMS in words", "in the app", "on the page")),
    "surveys answered on the phone",
    "customers who wrote TD",
    "hot issues",
    "tickets of hot issues",
    "tickets drawn for a study",
    "closed tickets whose customer was told by a letter",
    "closed tickets whose customer was told on the spot",
)
"""Paths of telling and asking, in the words of the demo's table."""
COUNTED = re.compile(r"│ (\S.*?) +│ +(\d+) │")


@pytest.mark.skipif(os.environ.get("STACK") == "containers", reason="the demo brings its own embedded stores")
@pytest.mark.requirement("R7.4")
def test_the_demo_shows_a_day(tmp_path: Path) -> None:
    data = tmp_path / "data"
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--data", str(data), "--contacts", "150", "--seed", "3", "--scale", "1600"],
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
    counted = {name: int(number) for name, number in COUNTED.findall(done.stdout.partition("How people were told")[2])}
    assert [each for each in WAYS if not counted.get(each)] == [], done.stdout
    assert counted["webhooks with a bad signature"] == 0
    assert "closed tickets whose customer was not told" not in counted
    assert [
        each.pid for each in psutil.process_iter(["cmdline"]) if str(data) in " ".join(each.info["cmdline"] or ())
    ] == []
