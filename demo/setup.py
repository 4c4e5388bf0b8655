"""Prepares a day on a running system: its clock, its start and end, and its driver."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from demo.contacts import plan_day
from demo.driver import DayDriver
from demo.senders import ensure_senders
from deploy.local import Stack
from duban import local_sender
from services.shared.postgres.database import Database
from services.shared.runtime import deployment
from services.shared.runtime.clock import Clock

SCALE = 1000.0
"""Policy seconds in a real second, unless chosen otherwise."""
ZONE = "Asia/Shanghai"
DAY_START = datetime(2026, 3, 12, 8, 30, tzinfo=ZoneInfo(ZONE))
"""A Thursday; it and the next day are working days."""
DAY_LENGTH = timedelta(hours=32)
"""Minimum length, so that many tickets are answered and many customers surveyed."""
STARTUP_SECONDS = 15.0
"""Expected real seconds from the start of the clock until every service is ready."""
EVENING = 20
"""Hour at which the day ends: quiet hours, in which notices and surveys wait for the morning, have not begun."""


def clock_origin(scale: float) -> str:
    """Return the policy time at which the clock has to start so that the day starts in the morning, in ISO 8601."""
    return (DAY_START - timedelta(seconds=STARTUP_SECONDS * scale)).isoformat()


@dataclass(frozen=True)
class PreparedDay:
    """A day that is ready to be played.

    Attributes:
        driver: plays it.
        clock: source of its policy time.
        start, end: its first and last moment, in policy time.
        key: key of the local sender, for whoever tries things out afterwards.

    """

    driver: DayDriver
    clock: Clock
    start: datetime
    end: datetime
    key: str


def prepare_day(stack: Stack, *, contacts: int, seed: int) -> PreparedDay:
    """Plan a day that starts in the morning, or in half a policy hour if startup took longer than expected."""
    key = local_sender.ensure(stack)
    database = Database(SecretStr(stack.database_url()), name="demo", size=1)
    clock = deployment.load_clock(database, "local")
    database.close()
    start = max(DAY_START, clock.now() + timedelta(minutes=30))
    driver = DayDriver(stack, clock, ensure_senders(stack), plan_day(contacts, seed, start), seed=seed, start=start)
    return PreparedDay(driver, clock, start, _next_evening(start + DAY_LENGTH), key)


def _next_evening(at: datetime) -> datetime:
    """Return the first EVENING that is not before `at`."""
    local = at.astimezone(ZoneInfo(ZONE))
    evening = local.replace(hour=EVENING, minute=0, second=0, microsecond=0)
    return evening if evening >= local else evening + timedelta(days=1)
