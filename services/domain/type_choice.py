"""Chooses the types that the keywords of a text speak for, or leaves them open (R3.1). Pure.

Every business type is weighed together with the problem types of its group. What is nearly as likely as the best is no
decision: the type is left open, and the best are suggested to the person who decides.
"""

from collections.abc import Iterator
from typing import NamedTuple

from services.domain.policy.base import Cited
from services.domain.policy.keyword_hits import Hits, TypeEvidence
from services.domain.policy.pack import Pack
from services.domain.policy.types import BusinessType, ProblemType

MARGIN = 0.1
"""How much better than the next business type one must be to be chosen."""
PROBLEM_MARGIN = 0.01
"""The same of a problem type: the department that gets it can still pass it on."""
SURE_ALONE = 1.35
"""What must speak for a problem type without a business type."""
ABOUT = 0.4
"""What a problem adds to a business type that it is mostly about."""
MOST_SUGGESTED = 3


class Weighed(NamedTuple):
    """A pair of types with what speaks for it.

    Attributes:
        score: of both together.
        business: the business type, if any speaks for it.
        problem: the problem type.
        words: the keywords, the strongest of each type.

    """

    score: float
    business: BusinessType | None
    problem: ProblemType | None
    words: tuple[str, ...]


class TypeChoice(NamedTuple):
    """What was chosen.

    Attributes:
        business, problem: the types; None where none is sure.
        words: the strongest keyword of each type.
        suggestions: the best pairs, if something was left open because others are as likely.
        outweighed: the strongest pair of another business type that was not chosen.

    """

    business: BusinessType | None = None
    problem: ProblemType | None = None
    words: tuple[str, ...] = ()
    suggestions: tuple[Weighed, ...] = ()
    outweighed: Weighed | None = None


NOTHING = TypeChoice()
NONE = TypeEvidence(0.0, "")


def choose(hits: Hits[Cited], pack: Pack, kind: str, *, within: BusinessType | None = None) -> TypeChoice:
    """Return the types that the keywords of a text speak for.

    Args:
        hits: the keywords.
        pack: the policy pack.
        kind: of the contact; it decides among which business types is chosen (R3.8).
        within: the business type, if it is known.

    """
    problems = {owner: found for owner, found in hits.evidence.items() if isinstance(owner, ProblemType)}
    business = _of_kind(hits, pack, kind) if within is None else {}
    if within is not None:
        business[within] = NONE
    elif not business:
        business = _implied(pack, kind, problems)
    pairs = sorted(_pairs(business, problems, pack), key=lambda pair: -pair.score)
    return _decided(pairs) if pairs else NOTHING


def _of_kind(hits: Hits[Cited], pack: Pack, kind: str) -> dict[BusinessType, TypeEvidence]:
    """Return what speaks for the business types of a kind; a fallback counts only without another of its group."""
    allowed = pack.business_of(kind)
    found = {
        owner: evidence
        for owner, evidence in hits.evidence.items()
        if isinstance(owner, BusinessType) and owner in allowed
    }
    specific = {type_.group for type_ in found if not type_.fallback}
    return {type_: each for type_, each in found.items() if not (type_.fallback and type_.group in specific)}


def _implied(pack: Pack, kind: str, problems: dict[ProblemType, TypeEvidence]) -> dict[BusinessType, TypeEvidence]:
    """Return the business types that a contact without a keyword of any can be about."""
    about = {code for problem in problems for code in problem.about}
    if about:
        return {type_: NONE for type_ in pack.business_of(kind) if type_.code in about}
    only = pack.only_business_of(kind)
    return {only: NONE} if only is not None and (problems or pack.has_own_types(kind)) else {}


def _pairs(
    business: dict[BusinessType, TypeEvidence], problems: dict[ProblemType, TypeEvidence], pack: Pack
) -> Iterator[Weighed]:
    for type_, evidence in business.items():
        of_group = [(problem, found) for problem, found in problems.items() if type_.group in problem.groups]
        if not of_group:
            yield Weighed(evidence.score, type_, pack.only_problem_of(type_.group), _words(evidence))
        for problem, found in of_group:
            score = evidence.score + found.score + (ABOUT if type_.code in problem.about else 0)
            yield Weighed(score, type_, problem, _words(evidence, found))
    if not business and (alone := _alone(problems, pack)) is not None:
        yield Weighed(problems[alone].score, None, alone, _words(problems[alone]))


def _alone(problems: dict[ProblemType, TypeEvidence], pack: Pack) -> ProblemType | None:
    """Return the problem type that needs no business type, because no problem of another group is as likely."""
    common = [problem for problem in problems if problem.groups[0] in pack.common_groups]
    best = max(common, key=lambda problem: problems[problem].score, default=None)
    if best is None or len(best.groups) > 1 or problems[best].score < SURE_ALONE:
        return None
    others = (problems[each].score for each in common if best.groups[0] not in each.groups)
    return best if problems[best].score - max(others, default=0.0) >= MARGIN else None


def _words(*found: TypeEvidence) -> tuple[str, ...]:
    return tuple(each.word for each in found if each.word)


def _decided(pairs: list[Weighed]) -> TypeChoice:
    best = pairs[0]
    rivals = [pair for pair in pairs if pair.business is not best.business]
    suggestions = tuple(pairs[:MOST_SUGGESTED])
    if rivals and best.score - rivals[0].score < MARGIN:
        return TypeChoice(suggestions=suggestions)
    outweighed = rivals[0] if rivals else None
    of_best = [pair for pair in pairs if pair.business is best.business]
    if len(of_best) > 1 and of_best[0].score - of_best[1].score < PROBLEM_MARGIN:
        return TypeChoice(best.business, None, best.words[:1], suggestions, outweighed)
    return TypeChoice(best.business, best.problem, best.words, (), outweighed)
