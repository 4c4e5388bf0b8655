"""Two doors that share the rate limits of their senders through a real PostgreSQL."""

import psycopg
import pytest

from services.intake.rate_limit import RateLimiter, settle
from tests.postgres import PostgresServer


@pytest.mark.requirement("R2.5")
def test_two_doors_together_keep_one_limit(postgres: PostgresServer) -> None:
    with postgres.database() as url, psycopg.connect(url, autocommit=True) as connection:
        # Each door has a clock that stands still, so that only the settling changes what is left.
        first, second = RateLimiter(lambda: 0.0), RateLimiter(lambda: 0.0)
        assert first.take("crm", 600, 60) == 0
        assert second.take("crm", 600, 30) == 0
        settle(first, connection)
        settle(second, connection)
        assert second.take("crm", 600, 20) > 0, "100 less 60 less 30, and what came since"
        settle(first, connection)
        assert first.take("crm", 600, 20) > 0
        assert second.take("other", 600, 100) == 0, "another sender has a bucket of its own"
