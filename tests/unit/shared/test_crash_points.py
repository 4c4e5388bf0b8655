"""Crash points do nothing unless a fault test has armed them."""

import os
import signal
from pathlib import Path

import pytest

from services.shared.runtime.crash_points import CrashPoints


def test_a_crash_point_that_is_not_armed_does_nothing(tmp_path: Path) -> None:
    points = CrashPoints(tmp_path, "ledger")
    (tmp_path / "ledger").write_text("after_save")
    points.reach("before_save")
    assert points.armed_crash("before_save") is None
    assert points.armed_crash("after_save") is not None
    assert (tmp_path / "ledger").exists()
    CrashPoints(None, "ledger").reach("before_save")


def test_the_first_process_to_reach_an_armed_point_dies_or_freezes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals: list[int] = []
    monkeypatch.setattr(os, "kill", lambda _, number: signals.append(number))
    first, second = CrashPoints(tmp_path, "ledger"), CrashPoints(tmp_path, "ledger")
    for armed in ("after_save", "after_save freeze"):
        (tmp_path / "ledger").write_text(armed)
        first.reach("after_save")
        second.reach("after_save")
    assert signals == [signal.SIGKILL, signal.SIGSTOP]
