"""A planned message of the day, and the body of a contact."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from demo.people import Person

Door = Literal["http", "batch", "hotline", "store", "file"]


@dataclass(frozen=True)
class PlannedMessage:
    """A message to be sent.

    Attributes:
        after: policy time from the start of the day.
        door: how it reaches intake.
        body: body in the door's format; for `file` a row by column, for topics the record as text.
        name: id of the message in its channel.

    """

    after: timedelta
    door: Door
    body: Any
    name: str


def contact_body(
    name: str, customer: Person, text: str, channel: str, language: str = "zh", city: str = ""
) -> dict[str, Any]:
    """Return the body of `POST /v1/contacts` for a customer's message."""
    fields = {
        "name": customer.name,
        "phone": customer.phone,
        "level": customer.level,
        "home_region": customer.home,
        "visiting_region": customer.visiting,
        "city": city,
        "email": customer.email,
        "preferred_means": customer.prefers,
        "language": language if language != "zh" else None,
    }
    return {
        "channel": "mail" if customer.prefers == "mail" and channel != "sms" else channel,
        "message_id": name,
        "customer": {key: value for key, value in fields.items() if value},
        "text": text,
    }
