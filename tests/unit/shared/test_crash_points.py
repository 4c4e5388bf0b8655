"""Crash points do nothing unless a fault test has armed them."""

from pathlib import Path

from services.shared.runtime.crash_points import CrashPoints


def test_a_crash_point_that_is_not_armed_does_nothing(tmp_path: Path) -> None:
    points = CrashPoints(tmp_path, "ledger")
    (tmp_path / "ledger").write_text("after_save")
    points.reach("before_save")
    assert points.armed_crash("before_save") is None
    assert points.armed_crash("after_save") is not None
    assert (tmp_path / "ledger").exists()
    CrashPoints(None, "ledger").reach("before_save")
