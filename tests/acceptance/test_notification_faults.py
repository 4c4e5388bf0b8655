"""A short form of `make faults-notifications`: no notice or callback is lost or doubled when services are killed."""

import pytest

from tests.faults.notifications import POINTS, rounds

SEED = 20261124


@pytest.mark.requirement("R5.3", "R5.7")
def test_killed_at_every_point_no_notice_is_lost_and_no_callback_lost_or_doubled() -> None:
    with rounds(SEED) as made:
        made.play(len(POINTS))
        made.settle()
        found, counted = made.problems()
    assert found == []
    assert sum(made.died.values()) == len(POINTS)
    assert counted["notices"] > 0
    assert min(counted[each] for each in ("plans", "by mail", "reported", "webhooks")) > 0
