"""What the router does with a batch of contacts."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import psycopg

from schemas.command import Actor, Command, Open, Remind
from schemas.contact import Contact
from services.domain.identity import command_id
from services.domain.packs import Pack, unknown
from services.router import store
from services.router.domain.route import Decision, Known, route
from services.router.metrics import RouterMetrics
from services.shared import logs
from services.shared.clock import Clock
from services.shared.consumer import Message, Result
from services.shared.dead_letters import Refused
from services.shared.records import Incoming, outgoing, read

NAME = "router"
ACTOR = Actor(kind="service", name=NAME)

log = logs.get(__name__)


class Router:
    """The stage of contacts."""

    def __init__(self, packs: Mapping[str, Pack], clock: Clock, metrics: RouterMetrics) -> None:
        self._packs = packs
        self._clock = clock
        self._metrics = metrics

    def decode(self, record: Incoming) -> Contact:
        """Read a contact."""
        return read(Contact, record.value)

    def handle(self, batch: Sequence[Message[Contact]], connection: psycopg.Connection) -> Result:
        """Route the batch in order, each contact seeing those before it."""
        now = self._clock.now()
        before = store.load(connection, {each.body.id for each in batch})
        earlier = store.history(connection, [each.body.customer for each in batch], now)
        routed: dict[UUID, store.Routed] = dict(before)
        new: list[tuple[Contact, Decision, Command, tuple[str, int, int]]] = []
        result, commands = Result(), list[Command]()
        for message in batch:
            contact, record = message.body, message.record
            known = routed.get(contact.id)
            if known is not None:
                if known.digest != store.digest(contact):
                    result.refused.append(_conflict(record, contact))
                elif known.position == record.position:
                    commands.append(known.command)
                continue
            pack = self._packs.get(contact.policy)
            if pack is None:
                result.refused.append(Refused(record, "bad_schema", unknown(contact.policy), "policy", contact.sender))
                continue
            candidates = [each.towards(contact.customer) for each in earlier if each.shares(contact.customer)]
            decision = route(contact, candidates, pack, now)
            command = _command(contact, decision)
            commands.append(command)
            new.append((contact, decision, command, record.position))
            routed[contact.id] = store.Routed(store.digest(contact), command, record.position)
            if decision.disposition == "open":
                earlier.insert(0, _as_earlier(contact, decision))
            self._metrics.routed.labels(contact.channel, decision.disposition, decision.classification.tier).inc()
            log.info(
                "routed",
                contact=str(contact.id),
                ticket=str(decision.ticket_id),
                disposition=decision.disposition,
                tier=decision.classification.tier,
            )
        store.save(connection, new, now)
        result.publish = [[outgoing(each, NAME) for each in commands]]
        return result


def _as_earlier(contact: Contact, decision: Decision) -> store.Earlier:
    customer, told = contact.customer, decision.classification
    known = Known(
        decision.ticket_id,
        None,
        None,
        told.business_type,
        told.problem_type,
        contact.text,
        same_customer=True,
    )
    return store.Earlier(
        known, customer.phone, customer.number, customer.email, customer.identity, customer.switchboard
    )


def _command(contact: Contact, decision: Decision) -> Command:
    action: Open | Remind
    if decision.disposition == "open":
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
        actor=ACTOR,
        policy=contact.policy,
        action=action,
    )


def _conflict(record: Incoming, contact: Contact) -> Refused:
    return Refused(
        record,
        "conflict",
        "message_id: another body came under this id before; send a changed message under an id of its own",
        "message_id",
        contact.sender,
    )
