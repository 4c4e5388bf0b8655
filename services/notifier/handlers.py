"""What the notifier does with events: it queues what they tell to whom."""

from collections.abc import Mapping, Sequence

import psycopg

from schemas.event import TicketEvent
from services.domain.packs import Pack, unknown
from services.notifier import store, subscribers
from services.notifier.domain.notices import notices
from services.notifier.metrics import NotifierMetrics
from services.shared.clock import Clock
from services.shared.consumer import Message, Result
from services.shared.errors import InvalidMessage
from services.shared.records import Incoming, read


class Teller:
    """The stage of tickets.events."""

    def __init__(self, packs: Mapping[str, Pack], clock: Clock, metrics: NotifierMetrics) -> None:
        self._packs = packs
        self._clock = clock
        self._metrics = metrics

    def decode(self, record: Incoming) -> TicketEvent:
        """Read an event."""
        event = read(TicketEvent, record.value)
        if event.ticket.policy.pack not in self._packs:
            raise InvalidMessage("bad_schema", unknown(event.ticket.policy.pack), field="ticket.policy")
        return event

    def handle(self, batch: Sequence[Message[TicketEvent]], connection: psycopg.Connection) -> Result:
        """Queue what the events tell."""
        told = [notice for each in batch for notice in notices(each.body, self._packs[each.body.ticket.policy.pack])]
        store.queue(connection, told, self._clock.now())
        subscribers.queue(connection, [each.body for each in batch])
        for each in told:
            self._metrics.notices.labels(each.template, each.means).inc()
        return Result()
