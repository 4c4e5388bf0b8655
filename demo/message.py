"""One message of the day, before it is sent."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from demo.people import Person

Door = Literal["http", "batch", "hotline", "store", "file"]


@dataclass(frozen=True)
class PlannedMessage:
    """One message that will come.

    Attributes:
        after: policy time from the beginning of the day.
        door: where.
        body: in the door's own words; for `file` a row by column, for topics the record as text.
        name: the channel's own id of the message.

    """

    after: timedelta
    door: Door
    body: Any
    name: str


def submission(name: str, who: Person, text: str, channel: str, language: str = "zh", city: str = "") -> dict[str, Any]:
    """Return a contact in the words of `POST /v1/contacts`."""
    told = {
        "name": who.name,
        "phone": who.phone,
        "level": who.level,
        "home_region": who.home,
        "visiting_region": who.visiting,
        "city": city,
        "email": who.email,
        "preferred_means": who.prefers,
        "language": language if language != "zh" else None,
    }
    return {
        "channel": "mail" if who.prefers == "mail" and channel != "sms" else channel,
        "message_id": name,
        "customer": {key: value for key, value in told.items() if value},
        "text": text,
    }
