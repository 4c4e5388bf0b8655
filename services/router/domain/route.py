"""Routes a contact: to an earlier ticket that it belongs to, or to a new one (R2.4, DECISIONS 17, 28, 30, 36). Pure.

What kind a contact is decides first; then whether it says anything at all, or is a line of a conversation; then whose
it is and what it is about.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from schemas.contact import Contact
from schemas.ticket import Classification, Link, Status
from services.domain.ids import ticket_id
from services.domain.policy.pack import Pack
from services.domain.survey_reply import parse_reply
from services.router.domain.added import added, courtesy
from services.router.domain.candidate import ENDED, CandidateTicket
from services.router.domain.decision import SENTENCES, RoutingDecision, Rule, sentence
from services.router.domain.matching import Match, match
from services.router.domain.message import WRITTEN_CHANNELS, ContactMessage
from services.router.domain.own_ticket import further_complaint, own_ticket

LINKABLE = timedelta(days=90)
"""How long after closing a ticket on the same subject is still linked."""
BEFORE = "same customer and subject, closed before"
AGAIN = "the subject was closed before; a new ticket, linked"


def route(contact: Contact, candidates: Iterable[CandidateTicket], pack: Pack, now: datetime) -> RoutingDecision:
    """Decide where a contact goes.

    Args:
        contact: the contact.
        candidates: tickets of earlier contacts with the same number, phone or identity, latest contact first.
        pack: the policy pack.
        now: business time.

    """
    message = ContactMessage.of(contact, pack)
    if message.stands_alone:
        return _opened(message, message.classification, {})
    tickets = [
        # What a customer took back is a candidate only where the contact says that it is about it.
        ticket
        for ticket in candidates
        if ticket.status is not Status.WITHDRAWN or ticket.named is not None
    ]
    return (
        _survey_reply(message, tickets)
        or courtesy(message, tickets)
        or own_ticket(message, tickets, now)
        or added(message, tickets)
        or _join_or_open(message, tickets, now)
    )


def _survey_reply(message: ContactMessage, candidates: Sequence[CandidateTicket]) -> RoutingDecision | None:
    """Return where a survey reply goes, or None if the contact is none or its customer was not surveyed."""
    surveyed = next((ticket for ticket in candidates if ticket.asked and ticket.person == "same"), None)
    if surveyed is None or message.contact.channel not in WRITTEN_CHANNELS:
        return None
    reply = parse_reply(message.contact.text)
    if reply is None:
        return None
    return RoutingDecision(
        "survey", surveyed.ticket_id, message.classification, SENTENCES["survey"], reply=reply, rule="survey"
    )


def _join_or_open(message: ContactMessage, candidates: Iterable[CandidateTicket], now: datetime) -> RoutingDecision:
    """Return the ticket that a contact joins, or the new one that it opens."""
    links: dict[str, Link] = {}
    for ticket in candidates:
        found = match(message, ticket)
        if found is None:
            continue
        if found.how != "joins":
            links.setdefault(found.how, Link(ticket_id=ticket.ticket_id, kind=found.how, reason=found.reason))
            continue
        age = now - ticket.closed_at if ticket.closed_at is not None else timedelta(0)
        further = further_complaint(message, ticket, age)
        if further is not None:
            return further
        joined = _joined(message, ticket, found, age)
        if joined is not None:
            return joined
        if age <= LINKABLE or ticket.named is not None:
            before = sentence(BEFORE, found.facts) if ticket.status in ENDED else found.reason
            links.setdefault("repeat", Link(ticket_id=ticket.ticket_id, kind="repeat", reason=before))
    return _opened(message, message.classification, links)


def _joined(message: ContactMessage, ticket: CandidateTicket, found: Match, age: timedelta) -> RoutingDecision | None:
    """Return that a contact goes to the ticket that it joins; None if that one is over, for good or for too long."""
    reopens = (
        ticket.status is Status.CLOSED and message.disputes and age <= message.pack.outcome.repeat.reopen_within.length
    )
    if not ticket.is_open and not reopens:
        return None
    return RoutingDecision(
        "remind",
        ticket.ticket_id,
        message.classification,
        sentence("disputed", found.facts) if reopens else found.reason,
        disputed=message.disputes and not ticket.is_worked_on,
        rule="disputed" if reopens else found.rule,
    )


def _opened(message: ContactMessage, classification: Classification, links: dict[str, Link]) -> RoutingDecision:
    repeat = links.get("repeat")
    kept = [
        link for kind, link in links.items() if repeat is None or kind == "repeat" or link.ticket_id != repeat.ticket_id
    ]
    reason = AGAIN if repeat is not None else SENTENCES["new"]
    rule: Rule = "stands_alone" if message.stands_alone else "new"
    return RoutingDecision("open", ticket_id(message.contact.id), classification, reason, links=tuple(kept), rule=rule)
