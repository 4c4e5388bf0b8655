"""Whether a contact joins a ticket, or is only linked to it: whose it is and what it is about together. Pure."""

from dataclasses import dataclass
from typing import Literal

from schemas.ticket import Status
from services.router.domain.candidate import CandidateTicket
from services.router.domain.decision import MatchFacts, Rule, sentence
from services.router.domain.message import ContactMessage, named_business, named_problems
from services.router.domain.subject import (
    COMPARED_LENGTH,
    NEARLY_EQUAL_TEXTS,
    SIMILAR_TEXTS,
    SubjectMatch,
    are_similar,
    compare_subjects,
)

SIMILAR = "perhaps the same matter"
UNTYPED = "a ticket of the same customer that is open; what this contact is about is unknown"
NOT_PROVEN = "the contact names this ticket, but nothing shows that it is its customer's"
EARLIER = "the contact names it as the ticket before"
TWO_MATTERS = "the contact asks about this ticket, and names another matter"


@dataclass(frozen=True, slots=True)
class Match:
    """Why a contact joins a ticket, or is only linked to it."""

    how: Literal["joins", "similar", "repeat"]
    rule: Rule
    reason: str
    facts: MatchFacts

    @classmethod
    def joins(cls, rule: Rule, facts: MatchFacts) -> "Match":
        """Return that a contact belongs to the ticket by a rule."""
        return cls("joins", rule, sentence(rule, facts), facts)

    @classmethod
    def linked(cls, why: str, facts: MatchFacts, how: Literal["similar", "repeat"] = "similar") -> "Match":
        """Return that a contact opens a ticket that is linked."""
        return cls(how, "new", sentence(why, facts), facts)


def match(message: ContactMessage, ticket: CandidateTicket) -> Match | None:
    """Return how a contact and a ticket belong together, or None if nothing suggests that they do."""
    if ticket.named is not None:
        return _named(ticket)
    if ticket.person == "another" and not ticket.match.one_line:
        # Where the person speaks against it, similar words only suggest a link (DECISIONS 30).
        similar = are_similar(message, ticket, SIMILAR_TEXTS)
        return Match.linked(SIMILAR, MatchFacts.of(ticket)) if similar else None
    return _match_by_subject(message, ticket)


def _match_by_subject(message: ContactMessage, ticket: CandidateTicket) -> Match | None:
    subject = compare_subjects(message, ticket)
    facts = MatchFacts.of(ticket, subject)
    rule = _joins_by(message, ticket, subject)
    if rule is not None:
        two = _names_another_matter(message, ticket)
        return Match.linked(TWO_MATTERS, facts) if two else Match.joins(rule, facts)
    if _suggests(message, ticket, subject):
        return Match.linked(SIMILAR, facts)
    if message.untyped and ticket.person == "same" and ticket.closed_at is None and subject.relation == "unclear":
        return Match.linked(UNTYPED, facts)
    return None


def _named(ticket: CandidateTicket) -> Match:
    facts = MatchFacts.of(ticket)
    if ticket.named == "before":
        return Match.linked(EARLIER, facts, "repeat")
    # Anybody may know a ticket's number; only what its customer writes counts as theirs.
    return Match.joins("named", facts) if ticket.person == "same" else Match.linked(NOT_PROVEN, facts)


def _joins_by(message: ContactMessage, ticket: CandidateTicket, subject: SubjectMatch) -> Rule | None:
    """Return the rule by which a contact belongs to a ticket, or None if it does not."""
    if ticket.person == "same":
        return _joins_as_customer(message, ticket, subject)
    if subject.relation != "same":
        return None
    if ticket.person == "perhaps" and are_similar(message, ticket, NEARLY_EQUAL_TEXTS):
        return "nearly_equal"
    if subject.proved and (ticket.match.one_line or ticket.person in {"perhaps", "unproven"}):
        return "same_account"
    speaks_for_another = message.says(message.pack.phrases.relative) and message.urges
    return "household" if ticket.match.one_line and speaks_for_another else None


def _joins_as_customer(message: ContactMessage, ticket: CandidateTicket, subject: SubjectMatch) -> Rule | None:
    if not message.text:
        business = message.classification.business_type
        return "same_matter" if business in {ticket.business_type, None} else None
    if subject.relation == "same":
        return "same_matter"
    # A new matter that no rule can classify must not disappear in a ticket about something else.
    disputes = message.disputes and not ticket.is_worked_on
    asks = message.urges and (message.names_no_matter or disputes)
    return "follow_up" if subject.relation == "unclear" and asks else None


def _names_another_matter(message: ContactMessage, ticket: CandidateTicket) -> bool:
    """Return whether a text turns to another matter, and names a type that the ticket does not have."""
    if not message.says(message.pack.phrases.another_matter):
        return False
    hits = message.pack.keywords.find(ticket.subject[:COMPARED_LENGTH]).words
    business = named_business(hits) | {ticket.business_type}
    return bool(message.named - business or message.problems - named_problems(hits) - {ticket.problem_type})


def _suggests(message: ContactMessage, ticket: CandidateTicket, subject: SubjectMatch) -> bool:
    """Return whether a ticket is worth a link, although the contact does not belong to it."""
    if ticket.status is Status.CLOSED and subject.relation == "vague":
        return False
    if subject.relation == "same" or (ticket.person == "same" and subject.relation in {"vague", "parted"}):
        return True
    return are_similar(message, ticket, SIMILAR_TEXTS)
