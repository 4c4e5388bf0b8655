"""Same ticket or a new one (R2.4, DECISIONS 17, 28 and 30). Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from typing import Literal
from uuid import UUID

from schemas.contact import Contact
from schemas.ticket import Classification, Link, Reason, Status
from services.domain.ids import ticket_id
from services.domain.policy.pack import Pack
from services.domain.survey_reply import SurveyReply, parse_reply
from services.router.domain.classify import classify
from services.router.domain.identity_matching import Relation

LINKABLE = timedelta(days=90)
"""How far back a closed ticket on the same subject is still worth a link."""
WRITTEN = frozenset({"sms", "wechat", "app_im", "email"})
"""Channels by which a survey is answered in writing."""
SAME_TEXT = 0.6
"""Similarity above which two texts are about one subject, when nothing else tells."""
NEARLY_THE_SAME = 0.9
"""Similarity above which two texts of one landline, from nobody knows whom, are about one matter."""
COMPARED = 500
"""Characters of two texts that are compared."""
_NUMBERS = re.compile(r"\d+")
"""Desks, rooms and machines: colleagues write the same words about other ones."""
ONE_LINE = 60
"""Characters up to which a text that names no subject but asks how things stand is about the customer's last one."""


OPEN = "same customer and subject, the ticket is not closed"
NEW = "no open ticket of this customer and subject"
FOLLOW_UP = "the customer asks how this ticket stands, by the policy's words"
NEARLY = "nearly the same words from the same number"
SIMILAR = "nearly the same words from the same number: perhaps the same matter"
UNTOLD = "a ticket of the same customer that is open; what this contact is about cannot be told"
REPLY = "the customer answers the survey"
NAMED = "the contact says that it is about this ticket"
NOT_PROVEN = "the contact names this ticket, but nothing shows that it is its customer's"
EARLIER = "the contact names it as the ticket before"


@dataclass(frozen=True, slots=True)
class CandidateTicket:
    """A ticket that an earlier contact of perhaps the same customer went to.

    Attributes:
        ticket_id: the ticket.
        status: as it stands, None if the ledger has not seen it yet.
        closed_at: when it was closed; None while it is not.
        business_type, problem_type, subject: what it is about.
        person: whether its customer is the one who writes now.
        named: how the contact itself names it: as what it follows (by its number, or by the call that opened it), or
            as the ticket before it; None when it does not.
        asked: its customer was asked how it was, and has not said yet.

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
    """How a contact and a ticket belong together: it joins it, or is only linked to it; and why."""

    how: Literal["joins", "similar", "repeat"]
    reason: str


@dataclass(frozen=True, slots=True)
class RoutingDecision:
    """Where a contact goes, and why."""

    disposition: Literal["open", "remind", "survey"]
    ticket_id: UUID
    classification: Classification
    reason: str
    disputed: bool = False
    links: tuple[Link, ...] = ()
    reply: SurveyReply | None = None
    """What the customer said to the survey."""


def route(contact: Contact, history: Iterable[CandidateTicket], pack: Pack, now: datetime) -> RoutingDecision:
    """Decide where a contact goes.

    Args:
        contact: what came.
        history: tickets that earlier contacts with the same number, phone or identity went to, latest first.
        pack: the policy.
        now: business time.

    """
    told = classify(contact, pack)
    history = list(history)
    return _answer(contact, history, told) or _place(contact, told, history, pack, now)


def _place(
    contact: Contact, told: Classification, history: Iterable[CandidateTicket], pack: Pack, now: datetime
) -> RoutingDecision:
    """Return the ticket that a contact joins, or the new one that it opens."""
    disputed = _disputes(contact, pack)
    links: dict[str, Link] = {}
    for known in history if not _stands_alone(contact) else ():
        if known.status in {Status.WITHDRAWN, Status.ARCHIVED}:
            continue
        bond = _bond(contact, told, known, pack)
        if bond is None:
            continue
        if bond.how != "joins":
            links.setdefault(bond.how, Link(ticket_id=known.ticket_id, kind=bond.how, reason=bond.reason))
            continue
        age = now - known.closed_at if known.closed_at is not None else timedelta(0)
        if known.status in {Status.ANSWERED, Status.CLOSED} and (second := _second(told, age, pack)) is not None:
            told = second
            links["repeat"] = Link(ticket_id=known.ticket_id, kind="repeat", reason="same subject, answered before")
            break
        if known.status is not Status.CLOSED:
            return RoutingDecision("remind", known.ticket_id, told, bond.reason, disputed=disputed)
        if disputed and age <= pack.outcome.repeat.reopen_within.length:
            reason = "the customer disputes a ticket closed a short while ago"
            return RoutingDecision("remind", known.ticket_id, told, reason, disputed=True)
        if age <= LINKABLE:
            before = "same customer and subject, closed before"
            links.setdefault("repeat", Link(ticket_id=known.ticket_id, kind="repeat", reason=before))
    reason = "the subject was closed before; a new ticket, linked" if "repeat" in links else NEW
    repeated = {each.ticket_id for each in links.values() if each.kind == "repeat"}
    kept = (each for each in links.values() if each.kind == "repeat" or each.ticket_id not in repeated)
    return RoutingDecision("open", ticket_id(contact.id), told, reason, links=tuple(kept))


def _bond(contact: Contact, told: Classification, known: CandidateTicket, pack: Pack) -> Match | None:
    """Say how a contact and a ticket belong together; None: not that anybody could tell."""
    if known.named is not None:
        return _bond_of_named(known)
    differ = _types_differ(told, known)
    if known.person == "same" and (reason := _same_matter(contact, told, known, pack, differ=differ)) is not None:
        return Match("joins", reason)
    if known.person == "perhaps" and not differ and _alike(contact, known, NEARLY_THE_SAME):
        return Match("joins", NEARLY)
    # Alike words only ever suggest where the person or the types speak against it (DECISIONS 30).
    if _alike(contact, known, SAME_TEXT):
        return Match("similar", SIMILAR)
    untold = told.business_type is None and told.problem_type is None
    if untold and known.person != "another" and known.closed_at is None:
        return Match("similar", UNTOLD)
    return None


def _bond_of_named(known: CandidateTicket) -> Match:
    if known.named == "before":
        return Match("repeat", EARLIER)
    # Who knows a number may be anybody; only the customer's own word counts as theirs.
    return Match("joins", NAMED) if known.person == "same" else Match("similar", NOT_PROVEN)


def _same_matter(
    contact: Contact, told: Classification, known: CandidateTicket, pack: Pack, *, differ: bool
) -> str | None:
    """Return why a contact of a ticket's customer is about that ticket; None when it is not."""
    if differ:
        return None
    if not contact.text.strip():
        return OPEN if told.business_type in {known.business_type, None} else None
    if told.business_type is None and told.problem_type is None:
        # A matter of its own that no rule can type must not be swallowed by a ticket about something else.
        if len(contact.text) <= ONE_LINE and _asks(contact, pack):
            return FOLLOW_UP
    elif told.business_type == known.business_type and told.problem_type in {known.problem_type, None}:
        return OPEN
    return OPEN if _alike(contact, known, SAME_TEXT) else None


def _types_differ(told: Classification, known: CandidateTicket) -> bool:
    """Whether both sides know what they are about, and it is not the same."""
    pairs = ((told.business_type, known.business_type), (told.problem_type, known.problem_type))
    return any(one is not None and other is not None and one != other for one, other in pairs)


def _answer(contact: Contact, history: Iterable[CandidateTicket], told: Classification) -> RoutingDecision | None:
    """Return where an answer to the survey goes; None when the contact is none, or nobody was asked."""
    asked = next((each for each in history if each.asked and each.person == "same"), None)
    reply = parse_reply(contact.text) if asked is not None and contact.channel in WRITTEN else None
    if asked is None or reply is None:
        return None
    return RoutingDecision("survey", asked.ticket_id, told, REPLY, reply=reply)


def _second(told: Classification, age: timedelta, pack: Pack) -> Classification | None:
    """Return what a further complaint after an answer becomes, where the policy makes it another kind (DECISIONS 7)."""
    rule = pack.outcome.repeat.second
    if rule is None or told.kind != rule.kind or age > rule.within.length:
        return None
    reason = Reason(subject="kind", value=rule.becomes, rule="a further complaint after an answer", source=rule.source)
    reasons = (*(each for each in told.reasons if each.subject != "kind"), reason)
    facts = pack.facts(told.replace(kind=rule.becomes, origin=rule.origin), channel="")
    centre = next((each.unit for each in pack.routing.centres if each.when.holds(facts)), told.path[0])
    return told.replace(kind=rule.becomes, origin=rule.origin, reasons=reasons, path=(centre, *told.path[1:]))


def _stands_alone(contact: Contact) -> bool:
    return contact.channel == "callback" or contact.taken_over is not None


def _disputes(contact: Contact, pack: Pack) -> bool:
    return id(pack.outcome.repeat) in pack.keywords.find(contact.text)


def _asks(contact: Contact, pack: Pack) -> bool:
    """Whether a text asks how an earlier matter stands, or disputes its outcome, by the policy's words."""
    said = pack.keywords.find(contact.text)
    return id(pack.outcome.repeat) in said or any(id(each) in said for each in pack.routing.follow_up)


def _alike(contact: Contact, known: CandidateTicket, least: float) -> bool:
    """Whether two texts are about as alike; for nearly the same ones the numbers in them have to be the same."""
    mine, theirs = contact.text[:COMPARED], known.subject[:COMPARED]
    if not mine.strip():
        return False
    if least == NEARLY_THE_SAME and _NUMBERS.findall(mine) != _NUMBERS.findall(theirs):
        return False
    told = SequenceMatcher(None, mine, theirs, autojunk=False)
    # The quick bounds spare most comparisons: a busy number has thousands of earlier contacts.
    return all(bound() >= least for bound in (told.real_quick_ratio, told.quick_ratio, told.ratio))
