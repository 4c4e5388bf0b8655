"""Tests of the senders' rate limits."""

import pytest

from services.intake.rate_limit import RateLimiter


@pytest.mark.requirement("R2.5")
def test_a_batch_beyond_the_bucket_is_allowed_when_it_is_full_and_leaves_it_negative() -> None:
    now = [0.0]
    limiter = RateLimiter(lambda: now[0])
    assert limiter.take("a", 60, 0) == 0
    assert limiter.take("a", 60, 30) == 0, "a check takes nothing"
    assert limiter.take("a", 60, 0) == pytest.approx(21)
    now[0] = 21.0
    assert limiter.take("a", 60, 0) == 0
    assert limiter.take("a", 60, 2) == pytest.approx(1)
    assert limiter.take("b", 60, 1) == 0
    assert limiter.take("a", None, 10**6) == 0
