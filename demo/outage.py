"""A cable is cut: many customers of one city complain within minutes, and the centre dispatches their tickets together.

Times are policy time from the beginning of the day. Pure: the same seed, the same outage.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from demo.message import PlannedMessage, submission
from demo.people import person

CITY = "洛阳"
CUSTOMERS = 28
BEGINS = timedelta(hours=3)
LASTS = timedelta(minutes=20)
TEXTS = (
    "家里宽带完全断网，上不了网，光猫亮红灯。",
    "宽带突然断网，光猫LOS灯一直闪红灯。",
    "断网了，宽带拨号一直失败，邻居家也一样。",
)
DISPATCHED = BEGINS + timedelta(hours=2)
"""When the centre has seen that they are one, and dispatches them together."""


def reports(first: int, rng: Random) -> Iterator[PlannedMessage]:
    """Return what the customers write; they are numbered from `first` on."""
    for number in range(first, first + CUSTOMERS):
        name = f"D{number:05d}"
        body = submission(name, person(number, rng), rng.choice(TEXTS), rng.choice(("web", "app")), city=CITY)
        # A partner's portal hands some of them on together.
        together = rng.random() < 0.3
        after = BEGINS + (LASTS * 0.75 if together else LASTS * rng.random())
        yield PlannedMessage(after, "batch" if together else "http", body, name)


def dispatched_at(start: datetime, now: datetime) -> datetime:
    """Return when the centre dispatches a ticket of the outage: with the others, or at once when they are gone."""
    return max(now, start + DISPATCHED)
