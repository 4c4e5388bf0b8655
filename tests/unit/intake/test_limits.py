"""How much may come in: messages by rate, connections by peer."""

import pytest

from services.intake.rate_limit import RateLimiter
from services.intake.smtp_server import ConnectionLimiter


@pytest.mark.requirement("R2.5")
def test_a_large_file_passes_when_the_bucket_is_full_and_leaves_a_debt() -> None:
    now = [0.0]
    limits = RateLimiter(lambda: now[0])
    assert limits.take("a", 60, 0) == 0
    assert limits.take("a", 60, 30) == 0, "to ask takes nothing"
    assert limits.take("a", 60, 0) == pytest.approx(21)
    now[0] = 21.0
    assert limits.take("a", 60, 0) == 0
    assert limits.take("a", 60, 2) == pytest.approx(1)
    assert limits.take("b", 60, 1) == 0
    assert limits.take("a", None, 10**6) == 0


@pytest.mark.requirement("R2.5")
def test_connections_are_bounded_for_a_peer_and_in_all() -> None:
    connections = ConnectionLimiter(2, 3)
    assert [connections.acquire(each) for each in "aaabb"] == [True, True, False, True, False]
    connections.release("a")
    assert connections.acquire("a")
    connections.release("b")
    assert connections.acquire("c")
