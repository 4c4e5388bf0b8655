"""Kinds that never join a ticket: escalated complaints, appeals, service requests (DECISIONS 42). Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from schemas.ticket import Classification, Link, Reason, Status
from services.domain.classify import classify
from services.domain.ids import ticket_id
from services.router.domain.added import is_line_of
from services.router.domain.candidate import ENDED, CandidateTicket
from services.router.domain.decision import SENTENCES, MatchFacts, RoutingDecision, Rule, sentence
from services.router.domain.message import ContactMessage
from services.router.domain.subject import SubjectMatch, compare_subjects

ABOUT = timedelta(days=90)
"""How long after its closing a ticket may be the case that an appeal is about."""
LINK = "the case that it is about"
OUTCOMES = frozenset({Status.ANSWERED, *ENDED})


def own_ticket(message: ContactMessage, candidates: Sequence[CandidateTicket], now: datetime) -> RoutingDecision | None:
    """Return the ticket that a contact of such a kind opens; None if it is of another kind.

    A further line of the conversation in which a ticket of the same kind was opened is no contact of its own.
    """
    if not message.has_own_ticket:
        return None
    kind = message.classification.kind
    if any(
        ticket.person == "same"
        and ticket.kind == kind
        and message.conversation is not None
        and is_line_of(message, ticket)
        for ticket in candidates
    ):
        return None
    about = _case(message, candidates, now)
    if about is None:
        return _opened(message, message.classification)
    ticket, facts = about
    age = _age(ticket, now)
    further = further_complaint(message, ticket, age)
    if further is not None:
        return further
    return _opened(message, message.classification, _link(ticket, facts))


def further_complaint(message: ContactMessage, ticket: CandidateTicket, age: timedelta) -> RoutingDecision | None:
    """Return the appeal that a further complaint after an answer becomes; None if it stays what it is (DECISIONS 7).

    Either its kind says so, as a complaint to headquarters, or it appeals in words.
    """
    second = message.pack.outcome.repeat.second
    if second is None or ticket.status not in OUTCOMES or age > second.within.length:
        return None
    appeals = message.says(message.pack.phrases.direct_appeal) and message.classification.kind != second.becomes
    if message.classification.kind != second.kind and not appeals:
        return None
    # Its types are those of the kind that it becomes (R3.8).
    contact = message.contact.replace(kind=second.becomes, origin=second.origin, business_type=None, problem_type=None)
    changed = classify(contact, message.pack, message.hits)
    reason = Reason(
        subject="kind", value=second.becomes, rule="a further complaint after an answer", source=second.source
    )
    changed = changed.replace(reasons=(reason, *(each for each in changed.reasons if each.subject != "kind")))
    facts = MatchFacts.of(ticket, compare_subjects(message, ticket))
    return _opened(message, changed, Link(ticket_id=ticket.ticket_id, kind="repeat", reason=sentence(LINK, facts)))


def _case(
    message: ContactMessage, candidates: Sequence[CandidateTicket], now: datetime
) -> tuple[CandidateTicket, MatchFacts] | None:
    """Return the ticket that a contact of such a kind is about: named, or of its customer and on the same subject."""
    found: list[tuple[int, int, CandidateTicket, MatchFacts]] = []
    for position, ticket in enumerate(candidates):
        if ticket.named is not None:
            return ticket, MatchFacts.of(ticket)
        if ticket.person != "same" or _age(ticket, now) > ABOUT:
            continue
        subject = compare_subjects(message, ticket)
        rank = _rank(ticket, subject)
        if rank is not None:
            found.append((rank, position, ticket, MatchFacts.of(ticket, subject)))
    if not found:
        return None
    _, _, ticket, facts = min(found, key=lambda each: each[:2])
    return ticket, facts


def _rank(ticket: CandidateTicket, subject: SubjectMatch) -> int | None:
    """Return how likely a ticket is the case that is meant, 0 the most; None if it is not."""
    likely = {"same": 0, "vague": 2, "unclear": 4, "parted": 6}.get(subject.relation)
    return None if likely is None else likely + (not ticket.is_open)


def _age(ticket: CandidateTicket, now: datetime) -> timedelta:
    return now - ticket.closed_at if ticket.closed_at is not None else timedelta(0)


def _link(ticket: CandidateTicket, facts: MatchFacts) -> Link:
    return Link(ticket_id=ticket.ticket_id, kind="repeat", reason=sentence(LINK, facts))


def _opened(message: ContactMessage, classification: Classification, *links: Link) -> RoutingDecision:
    appeal = classification is not message.classification
    rule: Rule = "direct_appeal" if appeal else "own_ticket"
    return RoutingDecision(
        "open",
        ticket_id(message.contact.id),
        classification,
        SENTENCES[rule],
        links=links,
        rule=rule,
        linked_back=True,
    )
