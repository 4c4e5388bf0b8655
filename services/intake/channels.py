"""Channel topics: records in a channel's own words become contacts, or dead letters with their bytes (R2.5)."""

from collections.abc import Callable, Mapping, Sequence

import psycopg

from schemas.contact import Contact
from services.intake.domain import hotline, store
from services.intake.domain.draft import LARGEST, Envelope, record_key
from services.intake.domain.fields import Unusable
from services.intake.metrics import IntakeMetrics
from services.shared import logs
from services.shared.clock import Clock
from services.shared.consumer import Message, Result
from services.shared.errors import InvalidMessage
from services.shared.records import Incoming, Outgoing, outgoing

log = logs.get(__name__)

NORMALISERS: Mapping[str, Callable[[Envelope], Contact]] = {
    "hotline": hotline.contact,
    "store": store.contact,
}
"""By channel."""
PREFIX = "channel."
"""Of the topics in which channels speak their own words."""


def contact_record(contact: Contact, secret: str) -> Outgoing:
    """Return the record of a contact."""
    return outgoing(contact, "intake", key=record_key(contact.customer, secret))


class ChannelTopics:
    """The stage of the channel topics."""

    def __init__(self, clock: Clock, policy: str, secret: str, metrics: IntakeMetrics) -> None:
        self._clock = clock
        self._policy = policy
        self._secret = secret
        self._metrics = metrics

    def decode(self, record: Incoming) -> Contact:
        """Read a record in its channel's words.

        Raises:
            InvalidMessage: no contact can be made of it.

        """
        channel = record.topic.removeprefix(PREFIX)
        if not record.value:
            raise InvalidMessage("empty", "body: the record has no value", sender=channel)
        if len(record.value) > LARGEST:
            raise InvalidMessage("too_large", f"body: a contact is at most {LARGEST} bytes", sender=channel)
        envelope = Envelope(
            sender=channel,
            channel=channel,
            policy=self._policy,
            received_at=self._clock.now(),
            media_type="application/json",
            body=record.value,
        )
        try:
            return NORMALISERS[channel](envelope)
        except Unusable as error:
            first = error.faults[0]
            raise InvalidMessage(first.reason, str(error), field=first.field, sender=channel) from error

    def handle(self, batch: Sequence[Message[Contact]], connection: psycopg.Connection) -> Result:  # noqa: ARG002
        """Publish the contacts."""
        for each in batch:
            self._metrics.accepted.labels(each.body.channel, "topic").inc()
            log.info("accepted", contact=str(each.body.id), channel=each.body.channel)
        return Result(publish=[[contact_record(each.body, self._secret) for each in batch]])
