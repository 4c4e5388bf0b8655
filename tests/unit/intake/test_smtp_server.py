"""Tests of the limits of the SMTP door."""

import pytest

from services.intake.smtp_server import ConnectionLimiter


@pytest.mark.requirement("R2.5")
def test_connections_are_limited_per_peer_and_in_total() -> None:
    connections = ConnectionLimiter(2, 3)
    assert [connections.acquire(peer) for peer in "aaabb"] == [True, True, False, True, False]
    connections.release("a")
    assert connections.acquire("a")
    connections.release("b")
    assert connections.acquire("c")
