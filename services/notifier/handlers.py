"""Handler of the notifier: queues notices and webhooks for events, and saves what providers report afterwards."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import psycopg

from schemas.event import TicketEvent
from schemas.hot_issue import HotIssue
from schemas.non_ticket import NonTicket
from schemas.receipt import Receipt
from services.domain.cut_text import may_be_cut
from services.domain.policy.loading import unknown_pack_message
from services.domain.policy.notices import CUSTOMER
from services.domain.policy.pack import Pack
from services.notifier import delivery_reports, store, subscribers
from services.notifier.domain.notices import Notice, SurveyPage, plan_hot_issue_notices, plan_notices
from services.notifier.metrics import NotifierMetrics
from services.shared.kafka.batch_handling import BatchResult, Message
from services.shared.kafka.dead_letters import UNKNOWN_SENDER
from services.shared.kafka.records import Incoming, parse_value
from services.shared.runtime.clock import Clock
from services.shared.runtime.errors import InvalidMessage

TOPICS = [TicketEvent.TOPIC, HotIssue.TOPIC, Receipt.TOPIC, NonTicket.TOPIC]
NotifierMessage = TicketEvent | HotIssue | Receipt | NonTicket

_OWN_MESSAGE_ID = re.compile(r"<notice\.[^.>]+\.([0-9a-f-]{36})@")
"""The Message-ID of a mail of ours (`providers.SmtpProvider`), with its send id."""


class NotificationPlanner:
    """Handles batches of tickets.events, hot-issues, receipts and contacts.kept."""

    def __init__(
        self, packs: Mapping[str, Pack], clock: Clock, metrics: NotifierMetrics, page: SurveyPage | None = None
    ) -> None:
        self._packs = packs
        self._clock = clock
        self._metrics = metrics
        self._page = page

    def decode(self, record: Incoming) -> NotifierMessage:
        """Return the body of a record; bounced mails arrive among the messages that open no ticket.

        Raises:
            InvalidMessage: it does not match its schema, or names a policy pack that there is not.

        """
        if record.topic == Receipt.TOPIC:
            return parse_value(Receipt, record.value)
        if record.topic == NonTicket.TOPIC:
            return parse_value(NonTicket, record.value)
        if record.topic == HotIssue.TOPIC:
            issue = parse_value(HotIssue, record.value)
            self._require_pack(issue.policy, "policy")
            return issue
        event = parse_value(TicketEvent, record.value)
        self._require_pack(event.ticket.policy.pack, "ticket.policy")
        return event

    def sender(self, record: Incoming, body: NotifierMessage | None) -> str | None:
        """Return the sender of a receipt or of a bounced mail; None for what our own services write."""
        if isinstance(body, Receipt | NonTicket):
            return body.sender
        return UNKNOWN_SENDER if record.topic in {Receipt.TOPIC, NonTicket.TOPIC} else None

    def _require_pack(self, pack: str, field: str) -> None:
        if pack not in self._packs:
            raise InvalidMessage("bad_schema", unknown_pack_message(pack), field=field)

    def handle(self, batch: Sequence[Message[NotifierMessage]], connection: psycopg.Connection) -> BatchResult:
        """Queue the notices and webhooks of events, and save delivery reports for the delivery workers."""
        events = [message.body for message in batch if isinstance(message.body, TicketEvent)]
        whole = store.whole_details(connection, [event.id for event in events if may_be_cut(event.details)])
        planned = [entry for message in batch for entry in self._plan(_with_details(message.body, whole))]
        store.queue(connection, planned, self._clock)
        subscribers.queue(connection, events)
        for notice, _ in planned:
            self._metrics.notices.labels(notice.template, notice.ways[0][0] if notice.ways else "none").inc()
        for message in batch:
            _save_report(message.body, connection)
        return BatchResult()

    def _plan(self, message: NotifierMessage) -> Iterator[tuple[Notice, int]]:
        """Return the notices of a message, each with its recipient's digest size; 0: its recipient gets no digests."""
        if isinstance(message, TicketEvent):
            pack = self._packs[message.ticket.policy.pack]
            for notice in plan_notices(message, pack, self._page):
                yield notice, pack.notices.digest_over if notice.audience != CUSTOMER else 0
        elif isinstance(message, HotIssue):
            for notice in plan_hot_issue_notices(message, self._packs[message.policy]):
                yield notice, 0


def _with_details(message: NotifierMessage, whole: Mapping[UUID, dict[str, Any]]) -> NotifierMessage:
    """Return an event with the texts that letters are written from in full; on its topic they may be cut."""
    if isinstance(message, TicketEvent) and message.id in whole:
        return message.replace(details=whole[message.id])
    return message


def _save_report(message: NotifierMessage, connection: psycopg.Connection) -> None:
    """Save a delivery report or a bounce, which the delivery workers apply to its notice."""
    if isinstance(message, Receipt):
        reference = str(message.notice or message.provider_id)
        delivery_reports.save(connection, reference, message.state, message.reason)
    elif isinstance(message, NonTicket) and message.reason == "bounce" and (send_id := _bounced_send_id(message)):
        reason = f"the mail came back ({message.facts.get('status', 'no status')})"
        delivery_reports.save(connection, send_id, "failed", reason)


def _bounced_send_id(bounce: NonTicket) -> str | None:
    match = _OWN_MESSAGE_ID.search(bounce.facts.get("original_message_id", ""))
    return match[1] if match is not None else None
