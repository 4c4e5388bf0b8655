"""The beginning of a day on a running system."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from demo.contacts import day
from demo.driver import Driver
from deploy.local import Stack
from duban import target
from services.shared import deployment
from services.shared.clock import Clock
from services.shared.postgres import Database

SCALE = 1000.0
ZONE = "Asia/Shanghai"
BEGINS = datetime(2026, 3, 12, 8, 30, tzinfo=ZoneInfo(ZONE))
"""A Thursday: a working day, tomorrow too, and no holiday near."""
LASTS = timedelta(hours=35.5)
"""Until the evening of the day after: many have been asked by then, and nobody is left alone for the night yet."""
START_TAKES = 15.0
"""Real seconds from the clock's beginning until every service is ready; on a busy machine the day begins later."""


def origin(scale: float) -> str:
    """Return the policy time at which the clock has to begin, so that the day begins in the morning."""
    return (BEGINS - timedelta(seconds=START_TAKES * scale)).isoformat()


ORIGIN = origin(SCALE)


@dataclass(frozen=True)
class Day:
    """A day about to be played."""

    driver: Driver
    clock: Clock
    start: datetime
    end: datetime
    key: str


def open_day(stack: Stack, *, contacts: int, seed: int) -> Day:
    """Plan a day that begins in the morning."""
    key = target.ensure_local_sender(stack)
    database = Database(SecretStr(stack.database_url()), name="demo", size=1)
    clock = deployment.read(database, "local")
    database.close()
    start = max(BEGINS, clock.now() + timedelta(minutes=30))
    driver = Driver(stack, clock, key, day(contacts, seed, start), seed=seed, start=start)
    return Day(driver, clock, start, BEGINS + LASTS, key)
