"""Business time: real time, or faster by a factor."""

from datetime import UTC, datetime, timedelta

from services.shared.runtime.clock import ScaledClock, SystemClock


def test_a_scaled_clock_lets_a_day_pass_in_a_minute_and_a_half() -> None:
    begin = datetime(2026, 3, 12, tzinfo=UTC)
    clock = ScaledClock(scale=1000, real_origin=datetime.now(UTC) - timedelta(seconds=86.4), business_origin=begin)
    assert timedelta(0) <= clock.now() - (begin + timedelta(days=1)) < timedelta(hours=1)
    assert clock.real_seconds(timedelta(hours=1)) == 3.6
    assert clock.business_span(3.6) == timedelta(hours=1)
    assert SystemClock().business_span(2.0) == timedelta(seconds=2)
