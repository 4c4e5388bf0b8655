"""The beginning of a day on a running system."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from demo.contacts import day
from demo.driver import DayDriver
from deploy.local import Stack
from duban import system_connection
from services.shared.postgres.database import Database
from services.shared.runtime import deployment
from services.shared.runtime.clock import Clock

SCALE = 1000.0
ZONE = "Asia/Shanghai"
BEGINS = datetime(2026, 3, 12, 8, 30, tzinfo=ZoneInfo(ZONE))
"""A Thursday: a working day, tomorrow too, and no holiday near."""
LASTS = timedelta(hours=32)
"""From the first contact until many have been answered and asked, at least."""
START_TAKES = 15.0
"""Real seconds from the clock's beginning until every service is ready; on a busy machine the day begins later."""
EVENING = 20
"""Hour at which the day ends: until then customers are asked, and nothing waits for the end of the night yet."""


def origin(scale: float) -> str:
    """Return the policy time at which the clock has to begin, so that the day begins in the morning."""
    return (BEGINS - timedelta(seconds=START_TAKES * scale)).isoformat()


ORIGIN = origin(SCALE)


@dataclass(frozen=True)
class DemoSetup:
    """A day about to be played."""

    driver: DayDriver
    clock: Clock
    start: datetime
    end: datetime
    key: str


def open_day(stack: Stack, *, contacts: int, seed: int) -> DemoSetup:
    """Plan a day that begins in the morning."""
    key = system_connection.ensure_local_sender(stack)
    database = Database(SecretStr(stack.database_url()), name="demo", size=1)
    clock = deployment.read(database, "local")
    database.close()
    start = max(BEGINS, clock.now() + timedelta(minutes=30))
    driver = DayDriver(stack, clock, key, day(contacts, seed, start), seed=seed, start=start)
    return DemoSetup(driver, clock, start, _evening(start + LASTS), key)


def _evening(at: datetime) -> datetime:
    """Return the first evening from `at` on."""
    local = at.astimezone(ZoneInfo(ZONE))
    evening = local.replace(hour=EVENING, minute=0, second=0, microsecond=0)
    return evening if evening >= local else evening + timedelta(days=1)
