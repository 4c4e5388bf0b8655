"""What the router does with a batch of contacts."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime

import psycopg

from schemas.action import Open, Remind
from schemas.call import CallRecord
from schemas.command import Actor, Command
from schemas.contact import Contact
from schemas.customer_actions import AnswerSurvey, EndCallback
from schemas.non_ticket import NonTicket
from services.domain.ids import command_id, contact_digest, record_key
from services.domain.policy.loading import unknown_pack_message
from services.domain.policy.pack import Pack
from services.router import correlation, store
from services.router.correlation import CorrelationBatch
from services.router.domain.route import CandidateTicket, RoutingDecision, route
from services.router.metrics import RouterMetrics
from services.shared.kafka.batch_consumer import BatchResult, Message, Publish
from services.shared.kafka.dead_letters import DeadLetterCandidate
from services.shared.kafka.records import Incoming, Outgoing, outgoing, read
from services.shared.observability import logs
from services.shared.observability.tracing import accepted
from services.shared.postgres.database import Database
from services.shared.runtime.clock import Clock

NAME = "router"
ACTOR = Actor(kind="service", name=NAME)

LOOK_EVERY = 2.0
"""Seconds between two looks for calls without a form."""

log = logs.get(__name__)


Body = Contact | CallRecord | NonTicket
"""What the router reads: contacts, and what is told beside them."""
MODELS: Mapping[str, type[Contact] | type[CallRecord] | type[NonTicket]] = {
    each.TOPIC: each for each in (Contact, CallRecord, NonTicket)
}


class ContactHandler:
    """The stage of contacts, and of what belongs to them."""

    def __init__(self, packs: Mapping[str, Pack], clock: Clock, metrics: RouterMetrics) -> None:
        self._packs = packs
        self._clock = clock
        self._metrics = metrics

    def decode(self, record: Incoming) -> Body:
        """Read a record."""
        return read(MODELS[record.topic], record.value)

    def handle(self, batch: Sequence[Message[Body]], connection: psycopg.Connection) -> BatchResult:
        """Route the batch in order, each contact seeing those before it."""
        now = self._clock.now()
        bodies = [each.body for each in batch]
        contacts = [each for each in bodies if isinstance(each, Contact)]
        joined = correlation.load(connection, bodies)
        routed = store.load(connection, {each.id for each in contacts})
        earlier = store.history(connection, [each.customer for each in contacts], now)
        result, records = BatchResult(), list[Outgoing]()
        new: list[tuple[Contact, RoutingDecision, Sequence[Command], tuple[str, int, int]]] = []
        for message in batch:
            body = message.body
            orders: Sequence[Command]
            if isinstance(body, CallRecord):
                orders = correlation.heard_call(body, joined)
            elif isinstance(body, NonTicket):
                orders = correlation.heard_kept(body, joined)
            elif body.id in routed:
                orders = _again(routed[body.id], message.record, body, result)
            elif (pack := self._packs.get(body.policy)) is None:
                fault = DeadLetterCandidate(
                    message.record, "bad_schema", unknown_pack_message(body.policy), "policy", body.sender
                )
                result.refused.append(fault)
                orders = []
            else:
                contact = correlation.with_call(body, joined.calls)
                decision = self._decide(contact, pack, joined, earlier, now)
                orders = [_command(contact, decision)]
                orders += [correlation.noted(each, decision.ticket_id) for each in joined.kept.get(contact.id, [])]
                # The digest is of what was said, not of what a call record added to it.
                new.append((body, decision, orders, message.record.position))
                routed[body.id] = store.RoutedContact(contact_digest(body), tuple(orders), message.record.position)
                joined.tickets[body.id] = decision.ticket_id
                if body.call is not None:
                    joined.forms.setdefault(body.call, (body.id, decision.ticket_id))
            records += [outgoing(each, NAME, trace=message.record.trace) for each in orders]
        store.save(connection, new, now)
        correlation.save(connection, bodies, joined, now)
        result.publish = [records]
        return result

    def _decide(
        self, contact: Contact, pack: Pack, joined: CorrelationBatch, earlier: list[store.EarlierContact], now: datetime
    ) -> RoutingDecision:
        candidates = correlation.named(contact, joined)
        candidates += [each.towards(contact.customer) for each in earlier if each.shares(contact.customer)]
        decision = route(contact, candidates, pack, now)
        if decision.disposition == "open":
            earlier.insert(0, _as_earlier(contact, decision))
        elif decision.disposition == "remind":
            same = decision.ticket_id
            earlier[:] = [
                each.written_by(contact.customer) if each.known.ticket_id == same else each for each in earlier
            ]
        self._metrics.routed.labels(contact.channel, decision.disposition, decision.classification.tier).inc()
        log.info(
            "routed",
            contact=str(contact.id),
            ticket=str(decision.ticket_id),
            disposition=decision.disposition,
            tier=decision.classification.tier,
        )
        return decision


class UnmatchedCallSweeper:
    """Between two batches: answered calls whose form did not come in time become incomplete contacts."""

    def __init__(self, database: Database, clock: Clock, secret: str) -> None:
        self._database = database
        self._clock = clock
        self._secret = secret
        self._next = 0.0

    def __call__(self, publish: Publish) -> None:
        """Look for them, every few seconds.

        Raises:
            Retryable: database or broker are away.

        """
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + LOOK_EVERY
        with self._database.transaction() as connection:
            contacts = correlation.without_form(connection, self._clock.now())
            # Before the commit: a crash in between makes the same contacts again, under the same ids.
            publish(
                [
                    outgoing(each, NAME, key=record_key(each.customer, self._secret), trace=accepted(None))
                    for each in contacts
                ]
            )


def _again(before: store.RoutedContact, record: Incoming, contact: Contact, result: BatchResult) -> tuple[Command, ...]:
    """Return what a contact that was routed before led to, when it is the same record read again."""
    if before.digest != contact_digest(contact):
        result.refused.append(_conflict(record, contact))
    elif before.position == record.position:
        return before.commands
    return ()


def _as_earlier(contact: Contact, decision: RoutingDecision) -> store.EarlierContact:
    told = decision.classification
    known = CandidateTicket(
        decision.ticket_id,
        None,
        None,
        told.business_type,
        told.problem_type,
        contact.text,
        person="same",
    )
    return store.EarlierContact(known, contact.customer)


def _command(contact: Contact, decision: RoutingDecision) -> Command:
    action: Open | Remind | AnswerSurvey | EndCallback
    actor = ACTOR
    if decision.reply is not None:
        survey = decision.reply.survey
        action = AnswerSurvey(survey=survey) if survey is not None else EndCallback(reason="opted_out")
        actor = Actor(kind="customer", name="customer")
    elif decision.disposition == "open":
        action = Open(contact=contact, classification=decision.classification, links=decision.links)
    else:
        action = Remind(
            contact=contact,
            classification=decision.classification,
            reason=decision.reason,
            disputed=decision.disputed,
        )
    return Command(
        id=command_id(contact.id, decision.disposition),
        ticket_id=decision.ticket_id,
        at=contact.received_at,
        actor=actor,
        policy=contact.policy,
        action=action,
    )


def _conflict(record: Incoming, contact: Contact) -> DeadLetterCandidate:
    return DeadLetterCandidate(
        record,
        "conflict",
        "message_id: another body came under this id before; send a changed message under an id of its own",
        "message_id",
        contact.sender,
    )
