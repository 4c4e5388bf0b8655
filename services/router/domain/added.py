"""Contacts that open nothing and urge nobody: lines of a conversation, thanks, news, what machines repeat. Pure.

DECISIONS 36: each stays a contact of its own, with its id and receipt; only its text goes to the ticket.
"""

from collections.abc import Sequence
from datetime import timedelta

from schemas.ticket import Status
from services.domain.ids import ticket_id
from services.router.domain.candidate import CandidateTicket
from services.router.domain.decision import MatchFacts, RoutingDecision, Rule, sentence
from services.router.domain.message import CHATS, MACHINES, ContactMessage
from services.router.domain.subject import SIMILAR_TEXTS, SubjectMatch, are_similar, compare_subjects

PAUSE = timedelta(minutes=30)
"""How long after the last line of a conversation a further one belongs to it, if the channel gives it no id."""
ONLY_COURTESY = "thanks, an acknowledgement or an opt-out, and no ticket of this customer: it opens nothing"
ONLY_GREETING = "a greeting: what it is about has not come yet; it opens nothing"


def courtesy(message: ContactMessage, candidates: Sequence[CandidateTicket]) -> RoutingDecision | None:
    """Return where thanks, an acknowledgement, a greeting or an opt-out go; None if the contact says anything else."""
    if not (message.is_courtesy or message.is_greeting or message.opts_out):
        return None
    tickets = [ticket for ticket in candidates if ticket.person == "same" and ticket.named != "before"]
    greets = message.is_greeting and not message.opts_out
    known = [ticket for ticket in tickets if ticket.is_open or not greets]
    if known:
        return _added(message, known[0], "courtesy", MatchFacts.of(known[0]))
    if message.has_own_ticket:
        return None
    reason = ONLY_GREETING if greets else ONLY_COURTESY
    return RoutingDecision("none", ticket_id(message.contact.id), message.classification, reason, rule="courtesy")


def added(message: ContactMessage, candidates: Sequence[CandidateTicket]) -> RoutingDecision | None:
    """Return the ticket to which a contact is added without urging; None if it opens one, or urges."""
    for ticket in candidates:
        if ticket.person != "same" or ticket.named == "before":
            continue
        subject = compare_subjects(message, ticket)
        found = _rule(message, ticket, subject)
        if found is not None:
            rule, appends = found
            return _added(message, ticket, rule, MatchFacts.of(ticket, subject), appends=appends)
    return None


def _rule(message: ContactMessage, ticket: CandidateTicket, subject: SubjectMatch) -> tuple[Rule, bool] | None:
    """Return the rule by which a contact is added to a ticket, and whether its text is part of the complaint."""
    if is_line_of(message, ticket) and _goes_on(message, ticket, subject):
        return "conversation", ticket.is_worked_on
    if subject.relation in {"other", "parted"}:
        return None
    supplements = message.says(message.pack.phrases.supplement)
    if message.news is not None and (ticket.is_open or not supplements):
        return "news", supplements
    if message.is_short_reply and not message.urges and ticket.is_worked_on and subject.relation == "unclear":
        return "short_reply", True
    repeats = message.contact.channel in MACHINES and ticket.is_open
    return ("machine", False) if repeats and are_similar(message, ticket, SIMILAR_TEXTS) else None


def is_line_of(message: ContactMessage, ticket: CandidateTicket) -> bool:
    """Return whether a contact came in the conversation in which a ticket was opened."""
    contact = message.contact
    if not ticket.is_open or ticket.channel != contact.channel:
        return False
    if message.conversation is not None and ticket.conversation is not None:
        return message.conversation == ticket.conversation
    return contact.channel in CHATS and _is_soon(message, ticket)


def _is_soon(message: ContactMessage, ticket: CandidateTicket) -> bool:
    return ticket.last_at is not None and abs(message.contact.received_at - ticket.last_at) < PAUSE


def _goes_on(message: ContactMessage, ticket: CandidateTicket, subject: SubjectMatch) -> bool:
    """Return whether a line goes on with the complaint, rather than urge, dispute or turn to another matter."""
    soon = _is_soon(message, ticket)
    if subject.relation == "other" and (not soon or message.says(message.pack.phrases.another_matter)):
        return False
    if ticket.status is Status.ANSWERED:
        return soon and not (message.disputes or message.asks) and subject.relation == "unclear"
    return soon or not message.urges


def _added(
    message: ContactMessage, ticket: CandidateTicket, rule: Rule, facts: MatchFacts, *, appends: bool = False
) -> RoutingDecision:
    return RoutingDecision(
        "add",
        ticket.ticket_id,
        message.classification,
        sentence(rule, facts),
        rule=rule,
        appends=appends,
    )
