"""Errors of PostgreSQL by kind: what passes, what a migration mends, and what repeating does not help."""

import psycopg
import pytest
from psycopg_pool import PoolTimeout

from services.shared.postgres.database_errors import as_retryable
from services.shared.postgres.timed_connection import TimeLimitExceeded


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeLimitExceeded("late"), "unavailable"),
        (PoolTimeout("none"), "unavailable"),
        (psycopg.errors.QueryCanceled("statement_timeout"), "unavailable"),
        (psycopg.errors.LockNotAvailable("lock_timeout"), "unavailable"),
        (psycopg.errors.IdleInTransactionSessionTimeout("idle"), "unavailable"),
        (psycopg.errors.ReadOnlySqlTransaction("a standby"), "unavailable"),
        (psycopg.errors.UndefinedColumn("no such column"), "duban db migrate"),
        (psycopg.errors.InsufficientPrivilege("no grant"), "duban db migrate"),
    ],
)
def test_what_passes_and_what_a_migration_mends_is_tried_again(error: Exception, reason: str) -> None:
    retryable = as_retryable(error)
    assert retryable is not None
    assert reason in str(retryable)


@pytest.mark.parametrize(
    "error",
    [psycopg.errors.UniqueViolation("twice"), psycopg.errors.ProgramLimitExceeded("index row too large"), ValueError()],
)
def test_what_repeating_does_not_help_is_an_error(error: Exception) -> None:
    assert as_retryable(error) is None
