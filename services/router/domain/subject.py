"""Whether a contact is about the matter of a ticket: by types across trees, accounts, places and words (R2.4). Pure."""

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from services.router.domain.candidate import CandidateTicket
from services.router.domain.message import ContactMessage, long_numbers, named_business, named_problems, places

SIMILAR_TEXTS = 0.6
"""Similarity from which two texts are about one subject, if nothing else decides."""
RELATED_TEXTS = 0.35
"""Similarity from which a text about the same business is about the same problem, if no word for one says."""
NEARLY_EQUAL_TEXTS = 0.9
"""Similarity from which two texts from one landline, whoever wrote them, are about one matter."""
COMPARED_LENGTH = 500
"""Characters of two texts that are compared."""
TELLING_LENGTH = 12
"""Characters from which a sentence is not everybody's, as `the broadband is down` is."""


@dataclass(frozen=True, slots=True)
class SubjectMatch:
    """Whether two texts are about one matter, and what says so.

    Attributes:
        relation: same; vague: the same business, and nothing shows that it is the same problem; unclear: one of both
            names none; parted: the same matter at another place; other.
        proved, suggested, contradicted: the facts.

    """

    relation: Literal["same", "vague", "unclear", "parted", "other"]
    proved: tuple[str, ...] = ()
    suggested: tuple[str, ...] = ()
    contradicted: tuple[str, ...] = ()


def compare_subjects(message: ContactMessage, ticket: CandidateTicket) -> SubjectMatch:
    """Return whether a contact is about a ticket's matter, whoever writes."""
    contradicted = tuple(_contradictions(message, ticket))
    if contradicted:
        return SubjectMatch("parted", contradicted=contradicted)
    business, problem = _business(message, ticket), _problem(message, ticket)
    shared, differing = _by_agreement(business=business, problem=problem)
    goes_back = message.urges or message.goes_back
    if business is False or (problem is False and not (business and goes_back)):
        return SubjectMatch("other", (), shared, differing)
    if (proof := _proof(message, ticket)) is not None:
        return SubjectMatch("same", (proof,), shared)
    if are_similar(message, ticket, SIMILAR_TEXTS):
        return SubjectMatch("same", (), (*shared, "alike words"))
    if business is None:
        return SubjectMatch("unclear", (), shared)
    return SubjectMatch("same" if problem or _goes_on(message, ticket) else "vague", (), shared)


def _by_agreement(*, business: bool | None, problem: bool | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the types that both name, and those in which they differ."""
    named = (("business type", business), ("problem type", problem))
    shared = tuple(name for name, agrees in named if agrees)
    return shared, tuple(name for name, agrees in named if agrees is False)


def _goes_on(message: ContactMessage, ticket: CandidateTicket) -> bool:
    """Return whether a text about a ticket's business is about its problem, although no word for one says so."""
    return message.continues or (ticket.person == "same" and are_similar(message, ticket, RELATED_TEXTS))


def _proof(message: ContactMessage, ticket: CandidateTicket) -> str | None:
    """Return what proves that both texts are about one matter, whoever writes; None if nothing does."""
    if message.numbers & long_numbers(ticket.subject):
        return "account or line in both texts"
    if message.thread is not None and _in_text(message.thread, ticket.subject):
        return "subject line of the mail"
    return None


def _contradictions(message: ContactMessage, ticket: CandidateTicket) -> list[str]:
    found = []
    here, there = message.contact.customer.visiting_region, ticket.visiting_region
    if here is not None and there is not None and here != there:
        found.append("visited province")
    theirs = places(ticket.subject) if message.places else {}
    if any(word in theirs and not (numbers & theirs[word]) for word, numbers in message.places.items()):
        found.append("floor, flat or lane")
    accounts = long_numbers(ticket.subject) if message.numbers else frozenset()
    if accounts and not accounts & message.numbers:
        found.append("account or line")
    return found


def _business(message: ContactMessage, ticket: CandidateTicket) -> bool | None:
    """Return whether both name one business type; None if one of them names none."""
    if not message.named:
        return None
    if ticket.business_type in message.named:
        return True
    # The type may be of another tree, as an appeal's is: then the words of both texts decide.
    theirs = named_business(message.pack.keywords.find(ticket.subject[:COMPARED_LENGTH]).words)
    if any(_counts(business, message, ticket) for business in message.named & theirs):
        return True
    return False if theirs or ticket.business_type is not None else None


def _counts(business: str, message: ContactMessage, ticket: CandidateTicket) -> bool:
    """Return whether a business type that both texts name says anything: one of appeals does only of an appeal."""
    pack = message.pack
    group = pack.group_of(business)
    own = (pack.group_of(message.classification.business_type), pack.group_of(ticket.business_type))
    return group in pack.common_groups or group in own


def _problem(message: ContactMessage, ticket: CandidateTicket) -> bool | None:
    if not message.problems:
        return None
    if ticket.problem_type in message.problems:
        return True
    theirs = _problems(message, ticket)
    return bool(message.problems & theirs) if theirs else None


def _problems(message: ContactMessage, ticket: CandidateTicket) -> frozenset[str]:
    own = frozenset(() if ticket.problem_type is None else (ticket.problem_type,))
    return own | named_problems(message.pack.keywords.find(ticket.subject[:COMPARED_LENGTH]).words)


def _in_text(line: str, text: str) -> bool:
    """Return whether the subject line of a reply names the matter of a text."""
    return "".join(line.split()).casefold() in "".join(text.split()).casefold()


def are_similar(message: ContactMessage, ticket: CandidateTicket, minimum: float) -> bool:
    """Return whether two texts are similar enough; nearly equal ones must have the same numbers in them."""
    mine, theirs = message.contact.text[:COMPARED_LENGTH], ticket.subject[:COMPARED_LENGTH]
    if not mine.strip():
        return False
    if minimum == NEARLY_EQUAL_TEXTS and (_digits(mine) != _digits(theirs) or len(mine.strip()) < TELLING_LENGTH):
        return False
    matcher = SequenceMatcher(None, mine, theirs, autojunk=False)
    # The upper bounds are cheap and avoid most comparisons: a busy number has thousands of earlier contacts.
    return all(bound() >= minimum for bound in (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio))


def _digits(text: str) -> list[str]:
    return "".join(character if character.isdigit() else " " for character in text).split()
