"""The beginning of a day on a running system."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import SecretStr

from demo.contacts import day
from demo.driver import Driver
from deploy.local import Stack
from duban import target
from services.shared import deployment
from services.shared.clock import Clock
from services.shared.postgres import Database

SCALE = 1000.0
ORIGIN = "2026-03-12T06:00:00+08:00"
"""A Thursday: a working day, tomorrow too, and no holiday near."""


@dataclass(frozen=True)
class Day:
    """A day about to be played."""

    driver: Driver
    clock: Clock
    start: datetime
    key: str


def open_day(stack: Stack, *, contacts: int, seed: int) -> Day:
    """Plan a day that begins in a policy hour."""
    key = target.ensure_local_sender(stack)
    database = Database(SecretStr(stack.database_url()), name="demo", size=1)
    clock = deployment.read(database, "local")
    database.close()
    start = clock.now() + timedelta(hours=1)
    return Day(Driver(stack, clock, key, day(contacts, seed, start), seed=seed, start=start), clock, start, key)
