"""Same ticket or a new one (R2.4, DECISIONS 17, 28 and 30). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from typing import Literal
from uuid import UUID

from schemas.contact import Contact
from schemas.ticket import Classification, Link, Reason, Status
from services.domain.identity import ticket_id
from services.domain.packs import Pack
from services.domain.survey_reply import Reply, understand
from services.router.domain.classify import classify

LINKABLE = timedelta(days=90)
"""How far back a closed ticket on the same subject is still worth a link."""
WRITTEN = frozenset({"sms", "wechat", "app_im", "email"})
"""Channels by which a survey is answered in writing."""
SAME_TEXT = 0.6
"""Similarity above which two texts are about one subject, when nothing else tells."""
ONE_LINE = 40
"""Characters up to which a text that names no subject is about the customer's last one, such as `still not solved`."""


OPEN = "same customer and subject, the ticket is not closed"
NEW = "no open ticket of this customer and subject"
SIMILAR = "nearly the same words from the same number: perhaps the same matter"
REPLY = "the customer answers the survey"
NAMED = "the contact says that it is about this ticket"


@dataclass(frozen=True, slots=True)
class Known:
    """A ticket that an earlier contact of perhaps the same customer went to.

    Attributes:
        ticket_id: the ticket.
        status: as it stands, None if the ledger has not seen it yet.
        closed_at: when it was closed; None while it is not.
        business_type, problem_type, subject: what it is about.
        same_customer: it is the same customer's, not only of somebody who shares the phone.
        asked: its customer was asked how it was, and has not said yet.
        named: the contact itself says that it is about this ticket: by its number, or by the call that opened it.

    """

    ticket_id: UUID
    status: Status | None
    closed_at: datetime | None
    business_type: str | None
    problem_type: str | None
    subject: str
    same_customer: bool
    named: bool = False
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a contact goes, and why."""

    disposition: Literal["open", "remind", "survey"]
    ticket_id: UUID
    classification: Classification
    reason: str
    disputed: bool = False
    links: tuple[Link, ...] = ()
    reply: Reply | None = None
    """What the customer said to the survey."""


def route(contact: Contact, history: Iterable[Known], pack: Pack, now: datetime) -> Decision:
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


def _place(contact: Contact, told: Classification, history: Iterable[Known], pack: Pack, now: datetime) -> Decision:
    """Return the ticket that a contact joins, or the new one that it opens."""
    disputed = _disputes(contact, pack)
    links: tuple[Link, ...] = ()
    for known in history if not _stands_alone(contact) else ():
        if known.status in {Status.WITHDRAWN, Status.ARCHIVED}:
            continue
        if not known.same_customer:
            # Somebody else behind the same number: alike words only ever suggest (DECISIONS 30).
            if not links and _alike(contact, known):
                links = (Link(ticket_id=known.ticket_id, kind="similar", reason=SIMILAR),)
            continue
        if not _same_subject(contact, told, known):
            continue
        age = now - known.closed_at if known.closed_at is not None else timedelta(0)
        if known.status in {Status.ANSWERED, Status.CLOSED} and (second := _second(told, age, pack)) is not None:
            told = second
            links = (Link(ticket_id=known.ticket_id, kind="repeat", reason="same subject, answered before"),)
            break
        if known.status is not Status.CLOSED:
            return Decision("remind", known.ticket_id, told, NAMED if known.named else OPEN, disputed=disputed)
        if disputed and age <= pack.care.repeat.reopen_within.length:
            return Decision(
                "remind",
                known.ticket_id,
                told,
                "the customer disputes a ticket closed a short while ago",
                disputed=True,
            )
        if age <= LINKABLE and not any(each.kind == "repeat" for each in links):
            links = (Link(ticket_id=known.ticket_id, kind="repeat", reason="same customer and subject, closed before"),)
    repeated = any(each.kind == "repeat" for each in links)
    reason = "the subject was closed before; a new ticket, linked" if repeated else NEW
    return Decision("open", ticket_id(contact.id), told, reason, links=links)


def _answer(contact: Contact, history: Iterable[Known], told: Classification) -> Decision | None:
    """Return where an answer to the survey goes; None when the contact is none, or nobody was asked."""
    asked = next((each for each in history if each.asked and each.same_customer), None)
    reply = understand(contact.text) if asked is not None and contact.channel in WRITTEN else None
    if asked is None or reply is None:
        return None
    return Decision("survey", asked.ticket_id, told, REPLY, reply=reply)


def _second(told: Classification, age: timedelta, pack: Pack) -> Classification | None:
    """Return what a further complaint after an answer becomes, where the policy makes it another kind (DECISIONS 7)."""
    rule = pack.care.repeat.second
    if rule is None or told.kind != rule.kind or age > rule.within.length:
        return None
    reason = Reason(subject="kind", value=rule.becomes, rule="a further complaint after an answer", source=rule.source)
    reasons = (*(each for each in told.reasons if each.subject != "kind"), reason)
    facts = pack.facts(told.but(kind=rule.becomes, origin=rule.origin), channel="")
    centre = next((each.unit for each in pack.routing.centres if each.when.holds(facts)), told.path[0])
    return told.but(kind=rule.becomes, origin=rule.origin, reasons=reasons, path=(centre, *told.path[1:]))


def _stands_alone(contact: Contact) -> bool:
    return contact.channel == "callback" or contact.taken_over is not None


def _disputes(contact: Contact, pack: Pack) -> bool:
    return id(pack.care.repeat) in pack.words.find(contact.text)


def _alike(contact: Contact, known: Known) -> bool:
    """Whether two texts are nearly the same."""
    if not contact.text.strip():
        return False
    told = SequenceMatcher(None, contact.text[:500], known.subject[:500], autojunk=False)
    # The quick bounds spare most comparisons: a busy number has thousands of earlier contacts.
    return all(bound() >= SAME_TEXT for bound in (told.real_quick_ratio, told.quick_ratio, told.ratio))


def _same_subject(contact: Contact, told: Classification, known: Known) -> bool:
    if known.named:
        return True
    if not contact.text.strip():
        return told.business_type in {known.business_type, None}
    alike = _alike(contact, known)
    if told.business_type is None and told.problem_type is None:
        return alike or len(contact.text) <= ONE_LINE
    same_type = told.business_type == known.business_type and told.problem_type in {known.problem_type, None}
    return same_type or alike
