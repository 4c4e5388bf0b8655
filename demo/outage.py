"""An outage: many customers of one city complain within minutes, and the centre dispatches their tickets together.

Times are policy time from the start of the day. Pure: the same seed gives the same contacts.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from demo.message import PlannedMessage, contact_body
from demo.people import person

CITY = "洛阳"
CUSTOMERS = 28
STARTS_AFTER = timedelta(hours=3)
DURATION = timedelta(minutes=20)
TEXTS = (
    "家里宽带完全断网，上不了网，光猫亮红灯。",
    "宽带突然断网，光猫LOS灯一直闪红灯。",
    "断网了，宽带拨号一直失败，邻居家也一样。",
)
DISPATCHED_AFTER = STARTS_AFTER + timedelta(hours=2)
"""When the centre has recognised the outage and dispatches its tickets together."""


def contacts(first: int, rng: Random) -> Iterator[PlannedMessage]:
    """Return the affected customers' messages; customers are numbered from `first`."""
    for number in range(first, first + CUSTOMERS):
        name = f"D{number:05d}"
        body = contact_body(name, person(number, rng), rng.choice(TEXTS), rng.choice(("web", "app")), city=CITY)
        # A partner's portal sends some of them in one batch.
        batched = rng.random() < 0.3
        after = STARTS_AFTER + (DURATION * 0.75 if batched else DURATION * rng.random())
        yield PlannedMessage(after, "batch" if batched else "http", body, name)


def dispatch_time(start: datetime, now: datetime) -> datetime:
    """Return when the centre dispatches a ticket of the outage: with the others, or at once if that time has passed."""
    return max(now, start + DISPATCHED_AFTER)
