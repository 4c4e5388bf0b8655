"""The router's batch handler: routes contacts and joins calls and later messages; sweeps unmatched calls."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import psycopg

from schemas.call import CallRecord
from schemas.command import Command
from schemas.contact import Contact
from schemas.non_ticket import NonTicket
from services.domain.ids import contact_digest, record_key
from services.domain.policy.loading import unknown_pack_message
from services.domain.policy.pack import Pack
from services.router import correlation, store
from services.router.correlation import Body, CorrelationBatch
from services.router.domain.contact_command import commands_for, lines_before
from services.router.domain.decision import RoutingDecision
from services.router.domain.earlier_contact import writer_of
from services.router.domain.history import RoutingHistory
from services.router.domain.route import route
from services.router.metrics import RouterMetrics
from services.shared.kafka.batch_consumer import Publish
from services.shared.kafka.batch_handling import BatchResult, Message
from services.shared.kafka.dead_letters import UNKNOWN_SENDER, DeadLetterCandidate
from services.shared.kafka.records import Incoming, Outgoing, outgoing, parse_value
from services.shared.observability import logs
from services.shared.observability.tracing import accept_or_start
from services.shared.postgres.database import Database
from services.shared.runtime.clock import Clock

NAME = "router"

SWEEP_INTERVAL = 2.0
"""Real seconds between two searches for calls without a form."""

log = logs.get(__name__)


MODELS: Mapping[str, type[Contact] | type[CallRecord] | type[NonTicket]] = {
    model.TOPIC: model for model in (Contact, CallRecord, NonTicket)
}
"""The models that the router reads, by their topic."""


class ContactHandler:
    """Routes a batch of contacts, and handles calls and messages that belong to contacts."""

    def __init__(self, packs: Mapping[str, Pack], clock: Clock, metrics: RouterMetrics) -> None:
        self._packs = packs
        self._clock = clock
        self._metrics = metrics

    def decode(self, record: Incoming) -> Body:
        """Decode a record by the model of its topic.

        Raises:
            InvalidMessage: it does not fit the model.

        """
        return parse_value(MODELS[record.topic], record.value)

    def sender(self, record: Incoming, body: Body | None) -> str | None:  # noqa: ARG002
        """Return the sender of a contact, call or message; calls without a form become contacts of their sender."""
        return body.sender if body is not None else UNKNOWN_SENDER

    def handle(self, batch: Sequence[Message[Body]], connection: psycopg.Connection) -> BatchResult:
        """Handle a batch in order, so that each contact is routed with those before it in view."""
        now = self._clock.now()
        bodies = [message.body for message in batch]
        contacts = [body for body in bodies if isinstance(body, Contact)]
        correlated = correlation.load(connection, bodies)
        routed = store.load_routed(connection, {contact.id for contact in contacts})
        writers = [writer_of(contact) for contact in contacts]
        history = RoutingHistory(store.load_earlier(connection, writers, now), store.load_held(connection, contacts))
        taken: dict[UUID, UUID] = {}
        result, records = BatchResult(), list[Outgoing]()
        new: list[tuple[Contact, RoutingDecision, Sequence[Command], tuple[str, int, int]]] = []
        for message in batch:
            body = message.body
            commands: Sequence[Command]
            if isinstance(body, CallRecord):
                commands = correlation.handle_call(body, correlated)
            elif isinstance(body, NonTicket):
                commands = correlation.handle_non_ticket(body, correlated)
            elif body.id in routed:
                commands = _repeat(routed[body.id], message.record, body, result)
            elif (pack := self._packs.get(body.policy)) is None:
                result.dead_letters.append(_unknown_policy(message.record, body))
                commands = []
            else:
                contact = correlation.with_call(body, correlated.calls)
                decision = self._decide(contact, pack, correlated, history, now)
                lines = history.record(contact, decision)
                taken |= {line.id: decision.ticket_id for line in lines}
                notes = correlated.kept.get(contact.id, [])
                commands = [
                    *commands_for(contact, decision),
                    *lines_before(lines, contact, decision),
                    *(correlation.note_command(note, decision.ticket_id) for note in notes),
                ]
                # The digest is of the contact as it came, without what the record of its call added.
                new.append((body, decision, commands, message.record.position))
                routed[body.id] = store.RoutedContact(contact_digest(body), tuple(commands), message.record.position)
                correlated.tickets[body.id] = decision.ticket_id
                if body.call is not None:
                    correlated.forms.setdefault(body.call, (body.id, decision.ticket_id))
            records += [outgoing(command, NAME, trace=message.record.trace) for command in commands]
        store.save(connection, new, now)
        store.save_taken(connection, taken)
        correlation.save(connection, bodies, correlated, now)
        result.publish = [records]
        return result

    def _decide(
        self,
        contact: Contact,
        pack: Pack,
        correlated: CorrelationBatch,
        history: RoutingHistory,
        now: datetime,
    ) -> RoutingDecision:
        decision = route(contact, history.candidates(contact, correlated.forms, correlated.numbered), pack, now)
        self._metrics.routed.labels(contact.channel, decision.disposition, decision.classification.tier).inc()
        log.info(
            "routed",
            contact=str(contact.id),
            ticket=str(decision.ticket_id),
            disposition=decision.disposition,
            rule=decision.rule,
            tier=decision.classification.tier,
        )
        return decision


class UnmatchedCallSweeper:
    """Publishes incomplete contacts for answered calls whose form did not come in time; runs between two batches."""

    def __init__(self, database: Database, clock: Clock, secret: str) -> None:
        self._database = database
        self._clock = clock
        self._secret = secret
        self._next = 0.0

    def __call__(self, publish: Publish) -> None:
        """Search for such calls, at most every few seconds.

        Raises:
            Retryable: the database or the broker is not available.

        """
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + SWEEP_INTERVAL
        now = self._clock.now()
        with self._database.transaction() as connection:
            contacts = correlation.contacts_of_unmatched_calls(connection, now)
        if not contacts:
            return
        # Outside of any transaction, which would hold its locks for as long as the broker is away. After a crash before
        # the mark, and by another router at the same time, the same contacts come again under the same ids.
        publish(
            [
                outgoing(contact, NAME, key=record_key(contact.customer, self._secret), trace=accept_or_start(None))
                for contact in contacts.values()
            ]
        )
        with self._database.transaction() as connection:
            correlation.mark_announced(connection, contacts.keys(), now)


def _repeat(
    routed: store.RoutedContact, record: Incoming, contact: Contact, result: BatchResult
) -> tuple[Command, ...]:
    """Return the commands of a contact that was routed before, if its record is read again; refuse another body."""
    if routed.digest != contact_digest(contact):
        result.dead_letters.append(_conflict(record, contact))
    elif routed.position == record.position:
        return routed.commands
    return ()


def _unknown_policy(record: Incoming, contact: Contact) -> DeadLetterCandidate:
    message = unknown_pack_message(contact.policy)
    return DeadLetterCandidate(record, "bad_schema", message, "policy", contact.sender)


def _conflict(record: Incoming, contact: Contact) -> DeadLetterCandidate:
    return DeadLetterCandidate(
        record,
        "conflict",
        "message_id: another body came under this id before; send a changed message under an id of its own",
        "message_id",
        contact.sender,
    )
