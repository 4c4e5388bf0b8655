"""The deployment's clock: scale and origin of business time, stored once in the database for all services."""

from datetime import datetime

import psycopg

from services.shared.kafka.bars import queries
from services.shared.observability import logs
from services.shared.postgres.database import Database
from services.shared.runtime.clock import Clock, ScaledClock, SystemClock
from services.shared.runtime.errors import ConfigurationError

log = logs.get(__name__)


def store_clock(
    connection: psycopg.Connection, *, scale: float, business_origin: datetime | None, environment: str
) -> None:
    """Store the scale and origin of business time, unless they are stored already.

    Args:
        connection: to the database; the caller commits.
        scale: seconds of business time in one real second; 1 is real time.
        business_origin: business time at this moment; None: the present real time.
        environment: of the deployment.


    Raises:
        ConfigurationError: another scale is stored, or a scaled clock is requested in production.

    """
    if scale != 1 and environment == "production":
        raise ConfigurationError(
            "a scaled clock is for demos and tests: unset the scale, or DUBAN_ENVIRONMENT=production"
        )
    if scale <= 0:
        raise ConfigurationError(f"the scale of the clock is {scale:g}: choose a number above 0")
    connection.execute(
        queries["store_clock"], {"scale": scale, "business_origin": business_origin, "environment": environment}
    )
    row = connection.execute(queries["load_clock"]).fetchone()
    assert row is not None
    if row[0] != scale:
        raise ConfigurationError(
            f"this deployment's clock runs at scale {row[0]:g} and cannot be changed to {scale:g}: "
            "start with the stored scale, or with an empty data folder"
        )


def load_clock(database: Database, environment: str) -> Clock:
    """Return the deployment's clock.

    Raises:
        ConfigurationError: the database is not migrated, or a scaled clock is stored and this is production.
        Retryable: the database is unavailable.

    """
    with database.transaction() as connection:
        try:
            row = connection.execute(queries["load_clock"]).fetchone()
        except psycopg.errors.UndefinedTable as error:
            raise ConfigurationError("the database has no tables yet: run `duban db migrate`") from error
    if row is None:
        raise ConfigurationError("the deployment's clock is not set: run `duban db migrate`")
    scale, real_origin, business_origin, _ = row
    if scale == 1:
        return SystemClock()
    if environment == "production":
        raise ConfigurationError(f"the clock of this database runs at scale {scale:g}, which production refuses")
    return ScaledClock(scale=scale, real_origin=real_origin, business_origin=business_origin)


def load_and_log_clock(database: Database, environment: str) -> Clock:
    """Return the deployment's clock and log a warning when it is a scaled one; raises as `load_clock`."""
    clock = load_clock(database, environment)
    if isinstance(clock, ScaledClock):
        log.warning("scaled_clock", scale=clock.scale, business_origin=clock.business_origin.isoformat())
    return clock
