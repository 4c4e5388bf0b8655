"""Errors of PostgreSQL by kind: what passes, what a migration mends, and what is an error of the code (DESIGN 3)."""

import psycopg
from psycopg import errors
from psycopg_pool import PoolTimeout

from services.shared.runtime.errors import Retryable

PASSING: tuple[type[Exception], ...] = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    PoolTimeout,
    # The server ended a session that was idle or too slow within its transaction, or is a standby just now.
    errors.IdleInTransactionSessionTimeout,
    errors.TransactionTimeout,
    errors.ReadOnlySqlTransaction,
)
"""Errors after which the same work will succeed later."""
WRONG_SCHEMA: tuple[type[Exception], ...] = (
    errors.InsufficientPrivilege,
    errors.UndefinedTable,
    errors.UndefinedColumn,
    errors.UndefinedFunction,
    errors.InvalidSchemaName,
)
"""Errors of a database that lacks a migration or a grant: no record causes them, so none may become a dead letter."""
NEVER: tuple[type[Exception], ...] = (errors.ProgramLimitExceeded,)
"""Errors that the library counts as operational, although they come again however often the work is repeated."""


def as_retryable(error: Exception) -> Retryable | None:
    """Return the error with which the work is repeated later; None when repeating is no answer."""
    kind = type(error).__name__
    if isinstance(error, WRONG_SCHEMA):
        return Retryable(f"the database does not fit this version ({kind}): run `duban db migrate`")
    if isinstance(error, PASSING) and not isinstance(error, NEVER):
        return Retryable(f"the database is unavailable ({kind})")
    return None
