"""What the notifier does with events and with what providers say afterwards: it queues what is to be told to whom."""

import re
from collections.abc import Iterator, Mapping, Sequence

import psycopg

from schemas.event import TicketEvent
from schemas.hot_issue import HotIssue
from schemas.non_ticket import NonTicket
from schemas.receipt import Receipt
from services.domain.policy.loading import unknown_pack_message
from services.domain.policy.notices import CUSTOMER
from services.domain.policy.pack import Pack
from services.notifier import delivery_reports, store, subscribers
from services.notifier.domain.notices import Notice, SurveyPage, notices, of_hot_issue
from services.notifier.metrics import NotifierMetrics
from services.shared.kafka.batch_consumer import BatchResult, Message
from services.shared.kafka.records import Incoming, read
from services.shared.runtime.clock import Clock
from services.shared.runtime.errors import InvalidMessage

TOPICS = [TicketEvent.TOPIC, HotIssue.TOPIC, Receipt.TOPIC, NonTicket.TOPIC]
Heard = TicketEvent | HotIssue | Receipt | NonTicket

_OURS = re.compile(r"<notice\.[^.>]+\.([0-9a-f-]{36})@")
"""The Message-ID of a mail of ours (means.py), with the id under which it was handed over."""


class NotificationPlanner:
    """The stage of tickets.events, hot-issues, receipts and contacts.kept."""

    def __init__(
        self, packs: Mapping[str, Pack], clock: Clock, metrics: NotifierMetrics, page: SurveyPage | None = None
    ) -> None:
        self._packs = packs
        self._clock = clock
        self._metrics = metrics
        self._page = page

    def decode(self, record: Incoming) -> Heard:
        """Read an event, a report, or a message that opens nothing: a mail that came back is one of these."""
        if record.topic == Receipt.TOPIC:
            return read(Receipt, record.value)
        if record.topic == NonTicket.TOPIC:
            return read(NonTicket, record.value)
        if record.topic == HotIssue.TOPIC:
            issue = read(HotIssue, record.value)
            self._known(issue.policy, "policy")
            return issue
        event = read(TicketEvent, record.value)
        self._known(event.ticket.policy.pack, "ticket.policy")
        return event

    def _known(self, pack: str, field: str) -> None:
        if pack not in self._packs:
            raise InvalidMessage("bad_schema", unknown_pack_message(pack), field=field)

    def handle(self, batch: Sequence[Message[Heard]], connection: psycopg.Connection) -> BatchResult:
        """Queue what the events tell; try the next means for what did not arrive."""
        events = [each.body for each in batch if isinstance(each.body, TicketEvent)]
        told = [each for message in batch for each in self._told(message.body)]
        store.queue(connection, told, self._clock)
        subscribers.queue(connection, events)
        for each, _ in told:
            self._metrics.notices.labels(each.template, each.ways[0][0] if each.ways else "none").inc()
        for message in batch:
            _reported(message.body, connection)
        return BatchResult()

    def _told(self, heard: Heard) -> Iterator[tuple[Notice, int]]:
        """Return what is to be told, each with the size from which its reader gets one letter about all."""
        if isinstance(heard, TicketEvent):
            pack = self._packs[heard.ticket.policy.pack]
            for each in notices(heard, pack, self._page):
                yield each, pack.notices.digest_over if each.audience != CUSTOMER else 0
        elif isinstance(heard, HotIssue):
            for each in of_hot_issue(heard, self._packs[heard.policy]):
                yield each, 0


def _reported(said: Heard, connection: psycopg.Connection) -> None:
    """Keep what a provider says about what it took; the desks take it from there."""
    if isinstance(said, Receipt):
        delivery_reports.keep(connection, str(said.notice or said.provider_id), said.state, said.reason)
    elif isinstance(said, NonTicket) and said.reason == "bounce" and (ours := _handed_of(said)) is not None:
        delivery_reports.keep(
            connection, ours, "failed", f"the mail came back ({said.facts.get('status', 'no status')})"
        )


def _handed_of(bounce: NonTicket) -> str | None:
    found = _OURS.search(bounce.facts.get("original_message_id", ""))
    return found[1] if found is not None else None
