"""Processes are identified by pid and start time."""

import os
import sys
from pathlib import Path

from deploy.local.process import OwnedProcess, spawn, stop_process


def test_a_process_with_another_start_time_is_another_process(tmp_path: Path) -> None:
    process = spawn([sys.executable, "-c", "input()"], log=tmp_path / "log", environment=os.environ)
    identity = OwnedProcess.of(process.pid)
    assert not OwnedProcess(pid=process.pid, started=identity.started - 100).alive
    process.wait(20)
    assert not identity.alive
    stop_process(identity, timeout=1)
