"""Routes a contact: to an earlier ticket that it belongs to, or to a new one (R2.4, DECISIONS 17, 28 and 30). Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from typing import Literal, Self
from uuid import UUID

from schemas.contact import Contact
from schemas.ticket import OVER, Classification, Link, Reason, Status
from services.domain.classify import classify
from services.domain.identity_matching import Relation
from services.domain.ids import ticket_id
from services.domain.policy.pack import Pack
from services.domain.survey_reply import SurveyReply, parse_reply

LINKABLE = timedelta(days=90)
"""How long after closing a ticket on the same subject is still linked."""
WRITTEN_CHANNELS = frozenset({"sms", "wechat", "app_im", "email"})
"""Channels on which customers reply to a survey in writing."""
SIMILAR_TEXTS = 0.6
"""Similarity from which two texts are about one subject, if nothing else decides."""
NEARLY_EQUAL_TEXTS = 0.9
"""Similarity from which two texts from one landline, whoever wrote them, are about one matter."""
COMPARED_LENGTH = 500
"""Characters of two texts that are compared."""
_NUMBERS = re.compile(r"\d+")
"""Numbers of desks, rooms or machines: colleagues write the same words about different ones."""
FOLLOW_UP_LENGTH = 60
"""Characters up to which a text that names no subject but asks for progress is about the customer's last ticket."""


ENDED = frozenset({Status.CLOSED, Status.ARCHIVED})
"""Statuses of a ticket beside which a further contact opens a new one, linked."""


OPEN = "same customer and subject, the ticket is not closed"
NEW = "no open ticket of this customer and subject"
FOLLOW_UP = "the customer asks how this ticket stands, by the policy's words"
NEARLY = "nearly the same words from the same number"
SIMILAR = "nearly the same words from the same number: perhaps the same matter"
UNTYPED = "a ticket of the same customer that is open; what this contact is about is unknown"
REPLY = "the customer answers the survey"
NAMED = "the contact says that it is about this ticket"
NOT_PROVEN = "the contact names this ticket, but nothing shows that it is its customer's"
EARLIER = "the contact names it as the ticket before"


@dataclass(frozen=True, slots=True)
class CandidateTicket:
    """An earlier ticket that a contact may belong to.

    Attributes:
        ticket_id: the ticket.
        status: its current status; None if the ledger does not have it yet. A merged ticket is never a candidate, but
            the one that it was merged into.
        closed_at: when it was closed; None while it is open.
        business_type: of its classification.
        problem_type: of its classification.
        subject: what its customer wrote.
        person: whether its customer is the one who writes now.
        named: how the contact refers to it: as the ticket that it follows (by its number, or by the call that opened
            it), or as the ticket before it; None if it does not.
        asked: whether its customer was surveyed and has not replied yet.

    """

    ticket_id: UUID
    status: Status | None
    closed_at: datetime | None
    business_type: str | None
    problem_type: str | None
    subject: str
    person: Relation
    named: Literal["follows", "before"] | None = None
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """Why a contact joins a ticket, or is only linked to it."""

    how: Literal["joins", "similar", "repeat"]
    reason: str


@dataclass(frozen=True, slots=True)
class RoutingDecision:
    """Where a contact goes, and why.

    Attributes:
        disposition: open a new ticket, remind of an open one (or reopen a closed one), or reply to a survey.
        disputed: the customer disputes the outcome of the ticket.
        links: tickets that a new one is linked to.
        reply: the parsed survey reply, for disposition `survey`.

    """

    disposition: Literal["open", "remind", "survey"]
    ticket_id: UUID
    classification: Classification
    reason: str
    disputed: bool = False
    links: tuple[Link, ...] = ()
    reply: SurveyReply | None = None


def route(contact: Contact, candidates: Iterable[CandidateTicket], pack: Pack, now: datetime) -> RoutingDecision:
    """Decide where a contact goes.

    Args:
        contact: the contact.
        candidates: tickets of earlier contacts with the same number, phone or identity, latest contact first.
        pack: the policy pack.
        now: business time.

    """
    message = _Message.of(contact, pack)
    candidates = list(candidates)
    return _survey_reply(message, candidates) or _join_or_open(message, candidates, pack, now)


@dataclass(frozen=True, slots=True)
class _Message:
    """A contact with what the policy's keywords find in its text, looked up once.

    Attributes:
        disputes: it disputes the outcome of an earlier ticket.
        asks_for_progress: it asks about an earlier matter, or disputes its outcome.

    """

    contact: Contact
    classification: Classification
    disputes: bool
    asks_for_progress: bool

    @classmethod
    def of(cls, contact: Contact, pack: Pack) -> Self:
        hits = pack.keywords.find(contact.text)
        disputes = pack.outcome.repeat in hits
        asks = disputes or any(rule in hits for rule in pack.routing.follow_up)
        return cls(contact, classify(contact, pack, hits), disputes, asks)

    @property
    def untyped(self) -> bool:
        """Whether no rule could classify it by business type or problem type."""
        return self.classification.business_type is None and self.classification.problem_type is None

    @property
    def stands_alone(self) -> bool:
        """Whether it always opens a ticket: a re-handling after a callback, or a ticket of another system."""
        return self.contact.channel == "callback" or self.contact.taken_over is not None


def _join_or_open(
    message: _Message, candidates: Iterable[CandidateTicket], pack: Pack, now: datetime
) -> RoutingDecision:
    """Return the ticket that a contact joins, or the new one that it opens."""
    classification = message.classification
    links: dict[str, Link] = {}
    for ticket, match in _matches(message, candidates):
        if match.how != "joins":
            links.setdefault(match.how, Link(ticket_id=ticket.ticket_id, kind=match.how, reason=match.reason))
            continue
        age = now - ticket.closed_at if ticket.closed_at is not None else timedelta(0)
        further = _further_complaint(message.classification, age, pack)
        if further is not None and ticket.status in {Status.ANSWERED, *ENDED}:
            classification = further
            links["repeat"] = Link(ticket_id=ticket.ticket_id, kind="repeat", reason="same subject, answered before")
            break
        reason = _reason_to_remind(message, ticket, match, age, pack)
        if reason is not None:
            return RoutingDecision("remind", ticket.ticket_id, classification, reason, disputed=message.disputes)
        if age <= LINKABLE or ticket.named is not None:
            before = "same customer and subject, closed before" if ticket.status in ENDED else match.reason
            links.setdefault("repeat", Link(ticket_id=ticket.ticket_id, kind="repeat", reason=before))
    reason = "the subject was closed before; a new ticket, linked" if "repeat" in links else NEW
    if "repeat" in links:
        links = {
            kind: link
            for kind, link in links.items()
            if kind == "repeat" or link.ticket_id != links["repeat"].ticket_id
        }
    return RoutingDecision("open", ticket_id(message.contact.id), classification, reason, links=tuple(links.values()))


def _reason_to_remind(
    message: _Message, ticket: CandidateTicket, match: Match, age: timedelta, pack: Pack
) -> str | None:
    """Return why a contact goes to the ticket that it joins; None if that one is over, for good or for too long."""
    if ticket.status not in OVER:
        return match.reason
    if ticket.status is Status.CLOSED and message.disputes and age <= pack.outcome.repeat.reopen_within.length:
        return "the customer disputes a ticket closed a short while ago"
    return None


def _matches(message: _Message, candidates: Iterable[CandidateTicket]) -> Iterator[tuple[CandidateTicket, Match]]:
    """Return the tickets that a contact may join or be linked to, in order."""
    if message.stands_alone:
        return
    for ticket in candidates:
        # What a customer took back is linked only where the contact says that it is about it.
        if ticket.status is Status.WITHDRAWN and ticket.named is None:
            continue
        match = _match(message, ticket)
        if match is not None:
            yield ticket, match


def _match(message: _Message, ticket: CandidateTicket) -> Match | None:
    """Return how a contact and a ticket belong together, or None if nothing suggests that they do."""
    if ticket.named is not None:
        return _match_named(ticket)
    differ = _types_differ(message.classification, ticket)
    if ticket.person == "same" and not differ and (reason := _reason_to_join(message, ticket)) is not None:
        return Match("joins", reason)
    if ticket.person == "perhaps" and not differ and _are_similar(message.contact, ticket, NEARLY_EQUAL_TEXTS):
        return Match("joins", NEARLY)
    # Where the person or the types speak against it, similar words only suggest a link (DECISIONS 30).
    if _are_similar(message.contact, ticket, SIMILAR_TEXTS):
        return Match("similar", SIMILAR)
    if message.untyped and ticket.person != "another" and ticket.closed_at is None:
        return Match("similar", UNTYPED)
    return None


def _match_named(ticket: CandidateTicket) -> Match:
    if ticket.named == "before":
        return Match("repeat", EARLIER)
    # Anybody may know a ticket's number; only what its customer writes counts as theirs.
    return Match("joins", NAMED) if ticket.person == "same" else Match("similar", NOT_PROVEN)


def _reason_to_join(message: _Message, ticket: CandidateTicket) -> str | None:
    """Return why a contact of a ticket's customer is about that ticket, or None if it is not; the types agree."""
    business, problem = message.classification.business_type, message.classification.problem_type
    if not message.contact.text.strip():
        return OPEN if business in {ticket.business_type, None} else None
    if message.untyped:
        # A new matter that no rule can classify must not disappear in a ticket about something else.
        if len(message.contact.text) <= FOLLOW_UP_LENGTH and message.asks_for_progress:
            return FOLLOW_UP
    elif business == ticket.business_type and problem in {ticket.problem_type, None}:
        return OPEN
    return OPEN if _are_similar(message.contact, ticket, SIMILAR_TEXTS) else None


def _types_differ(classification: Classification, ticket: CandidateTicket) -> bool:
    """Return whether both have a business type or a problem type, and they are not the same."""
    pairs = ((classification.business_type, ticket.business_type), (classification.problem_type, ticket.problem_type))
    return any(one is not None and other is not None and one != other for one, other in pairs)


def _survey_reply(message: _Message, candidates: Iterable[CandidateTicket]) -> RoutingDecision | None:
    """Return where a survey reply goes, or None if the contact is none or its customer was not surveyed."""
    surveyed = next((ticket for ticket in candidates if ticket.asked and ticket.person == "same"), None)
    if surveyed is None or message.contact.channel not in WRITTEN_CHANNELS:
        return None
    reply = parse_reply(message.contact.text)
    if reply is None:
        return None
    return RoutingDecision("survey", surveyed.ticket_id, message.classification, REPLY, reply=reply)


def _further_complaint(classification: Classification, age: timedelta, pack: Pack) -> Classification | None:
    """Return the classification of a further complaint after an answer, if it becomes another kind (DECISIONS 7)."""
    second = pack.outcome.repeat.second
    if second is None or classification.kind != second.kind or age > second.within.length:
        return None
    reason = Reason(
        subject="kind", value=second.becomes, rule="a further complaint after an answer", source=second.source
    )
    changed = classification.replace(
        kind=second.becomes,
        origin=second.origin,
        reasons=(*(earlier for earlier in classification.reasons if earlier.subject != "kind"), reason),
    )
    facts = pack.facts(changed, channel="")
    centre = next((rule.unit for rule in pack.routing.centres if rule.when.holds(facts)), classification.path[0])
    return changed.replace(path=(centre, *classification.path[1:]))


def _are_similar(contact: Contact, ticket: CandidateTicket, minimum: float) -> bool:
    """Return whether two texts are similar enough; nearly equal ones must have the same numbers in them."""
    mine, theirs = contact.text[:COMPARED_LENGTH], ticket.subject[:COMPARED_LENGTH]
    if not mine.strip():
        return False
    if minimum == NEARLY_EQUAL_TEXTS and _NUMBERS.findall(mine) != _NUMBERS.findall(theirs):
        return False
    matcher = SequenceMatcher(None, mine, theirs, autojunk=False)
    # The upper bounds are cheap and avoid most comparisons: a busy number has thousands of earlier contacts.
    return all(bound() >= minimum for bound in (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio))
