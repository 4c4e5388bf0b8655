"""A short form of `make faults-notifications`: crashes neither lose nor double notices and callbacks."""

import pytest

from tests.faults.notifications import POINTS, running_rounds

pytestmark = pytest.mark.long

SEED = 20261124


@pytest.mark.requirement("R5.3", "R5.7")
def test_no_notice_or_callback_is_lost_or_doubled_by_crashes() -> None:
    with running_rounds(SEED) as rounds:
        rounds.play(len(POINTS))
        rounds.drain()
        problems, counts = rounds.check()
    assert problems == []
    assert rounds.crashes.total() == len(POINTS)
    assert min(counts[name] for name in ("notices", "plans", "by mail", "reported", "webhooks")) > 0
