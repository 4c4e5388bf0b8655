"""A small `make demo` ends by itself, shows every feature, loses nothing and leaves no process running."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from deploy.tools.checkout import PROJECT

CALL_RESULTS = ("answered", "busy", "moved", "no_answer", "opted_out", "refused")
SURVEY_CHANNELS = ("by SMS in digits", "by SMS in words", "in the app", "on the page", "on the phone")
STATISTICS = (
    "SMS sent",
    "SMS reported as delivered",
    "SMS reported as failed",
    "mails sent",
    "mails bounced",
    "notices delivered by a fallback means",
    "tasks because no means reached the reader",
    "notices held back in quiet hours",
    "digests sent to units",
    "notices in digests",
    "apologies ordered",
    "apologies with a PDF letter",
    "webhooks with a valid signature",
    *(f"calls with result {result}" for result in CALL_RESULTS),
    *(f"surveys answered {channel}" for channel in SURVEY_CHANNELS),
    "customers who opted out",
    "hot issues",
    "tickets of hot issues",
    "tickets sampled for a study",
    "closed tickets, customer informed by letter",
    "closed tickets, customer informed on the spot",
)
"""Rows of the demo's table of notifications and surveys that must not be zero."""
_ROW = re.compile(r"│ (\S.*?) +│ +(\d+) │")


@pytest.mark.skipif(os.environ.get("STACK") == "containers", reason="the demo brings its own embedded stores")
@pytest.mark.requirement("R7.4")
def test_the_demo_shows_every_feature(tmp_path: Path) -> None:
    data = tmp_path / "data"
    completed = subprocess.run(
        [sys.executable, "-m", "demo", "--data", str(data), "--contacts", "150", "--seed", "3", "--scale", "1600"],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        check=False,
        timeout=400,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    last = completed.stdout.strip().splitlines()[-1]
    found = re.fullmatch(
        r"demo ok: contacts=(\d+) tickets=(\d+) warnings=(\d+) breaches=(\d+) callbacks=(\d+) rehandled=(\d+) lost=0",
        last,
    )
    assert found is not None, last
    assert all(int(count) > 0 for count in found.groups()), last
    for title in ("A good one: ", "A breached one: ", "A re-handled one: "):
        assert title in completed.stdout
    counted = {
        name: int(number) for name, number in _ROW.findall(completed.stdout.partition("Notifications and surveys")[2])
    }
    assert [name for name in STATISTICS if not counted.get(name)] == [], completed.stdout
    assert counted["webhooks with an invalid signature"] == 0
    assert "closed tickets, customer not informed" not in counted
    running = psutil.process_iter(["cmdline"])
    left = [process.pid for process in running if str(data) in " ".join(process.info["cmdline"] or ())]
    assert left == []
