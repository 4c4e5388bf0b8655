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


@pytest.mark.requirement("R2.5")
def test_what_other_doors_took_counts_and_what_was_taken_while_settling_too() -> None:
    now = [0.0]
    limiter = RateLimiter(lambda: now[0])
    limiter.take("a", 60, 4)
    limiter.take("b", 60, 0)
    uses = limiter.uses()
    assert [(use.name, use.used, use.rate, use.capacity) for use in uses] == [("a", 4, 1, 10)]
    limiter.take("a", 60, 1)
    limiter.settle(uses, {"a": 3})
    assert limiter.take("a", 60, 3) == pytest.approx(1), "the others left 3, and one was taken meanwhile"
    assert limiter.take("a", 60, 2) == 0
    assert [use.used for use in limiter.uses()] == [3]


@pytest.mark.requirement("R2.5")
def test_a_door_that_cannot_settle_limits_alone_and_settles_all_of_it_later() -> None:
    now = [0.0]
    limiter = RateLimiter(lambda: now[0])
    limiter.take("a", 60, 4)
    limiter.uses()
    now[0] = 2.0
    limiter.take("a", 60, 1)
    assert [use.used for use in limiter.uses()] == [5]
