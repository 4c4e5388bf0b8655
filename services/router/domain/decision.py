"""What the router decides about a contact: where it goes, by which rule, and what speaks for and against it. Pure."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from schemas.ticket import Classification, Link
from services.domain.survey_reply import SurveyReply
from services.router.domain.candidate import CandidateTicket
from services.router.domain.subject import SubjectMatch

LONGEST_REASON = 200

Rule = Literal[
    "same_matter",
    "follow_up",
    "nearly_equal",
    "household",
    "same_account",
    "named",
    "disputed",
    "conversation",
    "courtesy",
    "news",
    "short_reply",
    "machine",
    "survey",
    "new",
    "own_ticket",
    "direct_appeal",
    "stands_alone",
]
"""The rules by which a contact goes somewhere; what people undo is counted by them."""

SENTENCES: dict[str, str] = {
    "same_matter": "same customer and subject, the ticket is not closed",
    "follow_up": "the customer asks how this ticket stands, by the policy's words",
    "nearly_equal": "nearly the same words from the same number",
    "household": "somebody of the household asks about the matter by its name",
    "same_account": "the same account or line in both texts, from the same number",
    "named": "the contact says that it is about this ticket",
    "disputed": "the customer disputes a ticket closed a short while ago",
    "conversation": "a further line of the conversation",
    "courtesy": "thanks or an acknowledgement",
    "news": "the customer tells something and asks for nothing",
    "short_reply": "a few words that name no matter of their own",
    "machine": "a machine says the same again",
    "survey": "the customer answers the survey",
    "new": "no open ticket of this customer and subject",
    "own_ticket": "of a kind with limits of its own, which joins no ticket",
    "direct_appeal": "an appeal after an answer on the same subject",
    "stands_alone": "it always opens a ticket",
}


@dataclass(frozen=True, slots=True)
class MatchFacts:
    """What proved, suggested and contradicted that a contact belongs to a ticket."""

    proved: tuple[str, ...] = ()
    suggested: tuple[str, ...] = ()
    contradicted: tuple[str, ...] = ()

    @classmethod
    def of(cls, ticket: CandidateTicket, subject: SubjectMatch | None = None) -> "MatchFacts":
        """Return the facts about the person, and those about the subject if it was compared."""
        person = ticket.match
        about = subject if subject is not None else SubjectMatch("unclear")
        return cls(
            (*person.proved, *about.proved),
            (*person.suggested, *about.suggested),
            (*person.contradicted, *about.contradicted),
        )

    def __str__(self) -> str:
        parts = (("proved", self.proved), ("suggested", self.suggested), ("contradicted", self.contradicted))
        return "; ".join(f"{name}: {', '.join(dict.fromkeys(facts))}" for name, facts in parts if facts)


def sentence(rule: str, facts: MatchFacts) -> str:
    """Return the reason of a decision as people read it, with the facts."""
    text = SENTENCES.get(rule, rule)
    return (f"{text} ({facts})" if str(facts) else text)[:LONGEST_REASON]


@dataclass(frozen=True, slots=True)
class RoutingDecision:
    """Where a contact goes, and why.

    Attributes:
        disposition: open a new ticket; remind of an open one (or reopen a closed one); add it to one without urging;
            reply to a survey; none: it opens nothing, and there is nothing that it belongs to.
        disputed: the customer disputes the outcome of the ticket.
        links: tickets that a new one is linked to.
        reply: the parsed survey reply, for disposition `survey`.
        rule: that decided.
        appends: whether what is added is part of the complaint, as a line of a chat is.
        linked_back: whether the tickets of the links are linked to the new one, too.
        conversation: the contact is a line that may be followed by what it is about.

    """

    disposition: Literal["open", "remind", "add", "survey", "none"]
    ticket_id: UUID
    classification: Classification
    reason: str
    disputed: bool = False
    links: tuple[Link, ...] = ()
    reply: SurveyReply | None = None
    rule: Rule = "new"
    appends: bool = False
    linked_back: bool = False
