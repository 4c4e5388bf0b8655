"""Classifies a contact: kind, types, tier, priority, department, each with its rule (R3.1-R3.5). Pure."""

from collections.abc import Iterator
from datetime import timedelta

from msgspec.structs import replace

from schemas.contact import Contact
from schemas.ticket import Classification, Reason, Suggestion
from services.domain.contact_codes import unknown_codes, unknown_labels
from services.domain.contact_kind import CHANNEL_RULE, CHANNEL_SOURCE, KeywordHits, applies, kind_of
from services.domain.policy.base import Cited
from services.domain.policy.conditions import Facts, When
from services.domain.policy.keyword_matcher import fold
from services.domain.policy.pack import Pack
from services.domain.policy.routing import SignalRule
from services.domain.policy.types import BusinessType, ProblemType
from services.domain.type_choice import TypeChoice, Weighed, choose

TypeRule = BusinessType | ProblemType
NOT_COUNTED = "not_counted"
"""Subject of the reasons that say which keywords did not count, and why."""
LONGEST_REASON = 200

ANYTHING = When()


def classify(contact: Contact, pack: Pack, hits: KeywordHits | None = None) -> Classification:
    """Return how a ticket of a contact is classified and where it goes first.

    Never fails: what the rules cannot decide goes to triage by a person.

    Args:
        contact: the contact.
        pack: the policy pack.
        hits: keyword hits in the text of the contact, if the caller has them already.

    """
    routing, reasons = pack.routing, list[Reason]()
    if hits is None:
        hits = pack.keywords.find(contact.text)
    kind, origin = kind_of(contact, pack, hits, reasons)
    vip = fold(contact.customer.level or "") in pack.vip_levels
    if vip:
        reasons.append(_reason("vip", contact.customer.level or "", "customer level", routing.vip))
    business, problem, suggestions = _types(contact, pack, kind, hits, reasons)
    reasons += [code.as_reason() for code in unknown_codes(contact, pack)]
    facts = Facts(
        kind=kind,
        channel=contact.channel,
        vip=vip,
        business=business,
        group=pack.group_of(business),
        problem=problem,
        origin=origin,
        validity=routing.validities[0],
        roaming=_roaming(contact),
        settled=contact.settlement is not None,
        needs_headquarters=contact.needs_headquarters,
        has_evidence=bool(contact.evidence),
        age=_age(contact),
    )
    validity = _validity(pack, facts, hits, reasons)
    facts = replace(facts, validity=validity)
    opening = _opening(pack, facts, hits, reasons)
    signals = _signals(pack, facts, hits, reasons)
    facts = replace(facts, signals=frozenset(signals))
    tier = _tier(pack, facts, reasons)
    facts = replace(facts, tier=tier)
    priority = _priority(pack, signals, reasons)
    centre = next((rule.unit for rule in routing.centres if rule.when.holds(facts)), pack.header.centre)
    department, triage = _department(pack, facts, reasons)
    reasons += _lost(hits)
    return Classification(
        kind=kind,
        origin=origin,
        validity=validity,
        opening=opening,
        tier=tier,
        vip=vip,
        priority=priority,
        signals=signals,
        business_type=business,
        problem_type=problem,
        department=department,
        path=(centre, department) if department is not None else (centre,),
        triage=triage,
        suggestions=suggestions,
        reasons=tuple(reasons),
    )


def centre_reason(contact: Contact, classification: Classification, pack: Pack) -> Reason:
    """Return which rule put a classified contact into the charge of its centre."""
    facts = replace(
        pack.facts(classification, channel=contact.channel, settled=contact.settlement is not None),
        roaming=_roaming(contact),
        needs_headquarters=contact.needs_headquarters,
        has_evidence=bool(contact.evidence),
        age=_age(contact),
    )
    for rule in pack.routing.centres:
        if rule.when.holds(facts):
            return _reason("centre", rule.unit, rule.name, rule)
    return Reason(subject="centre", value=pack.header.centre, rule="centre of the pack", source="ours: pack.toml")


def _reason(subject: str, value: str, name: str, rule: Cited, matched: str | None = None) -> Reason:
    return Reason(subject=subject, value=value, rule=name, source=rule.source, matched=matched)


def _validity(pack: Pack, facts: Facts, hits: KeywordHits, reasons: list[Reason]) -> str:
    for rule in pack.routing.validity:
        word = hits.words.get(rule)
        if applies(rule, facts, word):
            reasons.append(_reason("validity", rule.validity, f"validity: {rule.validity}", rule, word))
            return rule.validity
    return pack.routing.validities[0]


def _opening(pack: Pack, facts: Facts, hits: KeywordHits, reasons: list[Reason]) -> str:
    for rule in pack.routing.opening:
        word = hits.words.get(rule)
        if applies(rule, facts, word):
            reasons.append(_reason("opening", rule.opening, rule.name, rule, word))
            return rule.opening
    return "opened"


def _types(
    contact: Contact, pack: Pack, kind: str, hits: KeywordHits, reasons: list[Reason]
) -> tuple[str | None, str | None, tuple[Suggestion, ...]]:
    """Return the business type and the problem type, and what is likely where one was left open.

    What the channel names counts first, then its labels, then what the customer says.
    """
    business = contact.business_type if contact.business_type in pack.business else None
    problem = contact.problem_type if contact.problem_type in pack.problems else None
    for subject, value in (("business_type", business), ("problem_type", problem)):
        if value is not None:
            reasons.append(Reason(subject=subject, value=value, rule=CHANNEL_RULE, source=CHANNEL_SOURCE))
    sources: tuple[KeywordHits, ...] = (hits,)
    if contact.labels:
        sources = (pack.keywords.find(" ".join(contact.labels)), hits)
        if not sources[0].evidence:
            reasons.append(unknown_labels(contact))
    suggestions: tuple[Suggestion, ...] = ()
    for source in sources:
        if business is None or problem is None:
            choice = choose(source, pack, kind, within=pack.business_type(business))
            suggestions = tuple(map(_suggestion, choice.suggestions))
            reasons += _type_reasons(choice, business, problem)
            business = business or (choice.business.code if choice.business is not None else None)
            problem = problem or (choice.problem.code if choice.problem is not None else None)
    return business, problem, suggestions


def _type_reasons(choice: TypeChoice, business: str | None, problem: str | None) -> Iterator[Reason]:
    """Yield the reasons for the types that were chosen where none was known before."""
    if business is None and choice.business is not None:
        yield _type_reason("business_type", choice.business, choice.words)
        if choice.outweighed is not None:
            yield _outweighed(choice.outweighed)
    if problem is None and choice.problem is not None:
        yield _type_reason("problem_type", choice.problem, choice.words)


def _type_reason(subject: str, rule: TypeRule, words: tuple[str, ...]) -> Reason:
    own = next((word for word in words if word in rule.weights), None)
    name = f"words of {rule.code}" if own is not None else f"only {rule.code} can be meant"
    return _reason(subject, rule.code, name, rule, own)


def _outweighed(other: Weighed) -> Reason:
    rule = other.business or other.problem
    assert rule is not None
    return _reason(NOT_COUNTED, rule.code, "outweighed by the chosen type", rule, "，".join(other.words) or None)


def _suggestion(pair: Weighed) -> Suggestion:
    return Suggestion(
        business_type=pair.business.code if pair.business is not None else None,
        problem_type=pair.problem.code if pair.problem is not None else None,
        reason=f"words: {'，'.join(pair.words)}"[:LONGEST_REASON],
    )


def _lost(hits: KeywordHits) -> Iterator[Reason]:
    """Yield the reasons for keywords that stand in the text and do not count."""
    for hit in hits.lost:
        yield _reason(NOT_COUNTED, _named(hit.owner), hit.why[:LONGEST_REASON], hit.owner, hit.word)


def _named(rule: Cited) -> str:
    """Return what a keyword of a rule would have decided."""
    for field in ("code", "signal", "validity", "opening", "kind"):
        value = getattr(rule, field, None)
        if value is not None:
            return str(value)
    return "follow_up"


def _roaming(contact: Contact) -> bool:
    home, visiting = contact.customer.home_region, contact.customer.visiting_region
    return home is not None and visiting is not None and home != visiting


def _age(contact: Contact) -> timedelta | None:
    if contact.occurred_at is None:
        return None
    return (contact.contacted_at or contact.received_at) - contact.occurred_at


def _tier(pack: Pack, facts: Facts, reasons: list[Reason]) -> str:
    rule = next(rule for rule in pack.routing.tiers if rule.when.holds(facts))
    reasons.append(_reason("tier", rule.tier, rule.name, rule))
    return rule.tier


def _signals(pack: Pack, facts: Facts, hits: KeywordHits, reasons: list[Reason]) -> tuple[str, ...]:
    signals: list[str] = []
    for rule in pack.routing.signals:
        if rule.signal in signals:
            continue
        word = hits.words.get(rule)
        if applies(rule, facts, word) and not _is_excepted(rule, facts, hits):
            signals.append(rule.signal)
            reasons.append(_reason("signal", rule.signal, rule.name, rule, word))
    return tuple(signals)


def _is_excepted(rule: SignalRule, facts: Facts, hits: KeywordHits) -> bool:
    """Return whether what would raise a signal does not, for what the contact is or what else it says."""
    if rule.unless is not None and rule.unless.holds(facts):
        return True
    if facts.group is not None and facts.group in rule.not_of:
        return True
    return rule.exceptions is not None and rule.exceptions in hits.words


def _priority(pack: Pack, signals: tuple[str, ...], reasons: list[Reason]) -> int:
    raised = frozenset(signals)
    rule = next(rule for rule in pack.routing.priorities if raised.issuperset(rule.all))
    reasons.append(_reason("priority", str(rule.priority), rule.name, rule))
    return rule.priority


def _department(pack: Pack, facts: Facts, reasons: list[Reason]) -> tuple[str | None, str | None]:
    untyped = facts.business is None and facts.problem is None
    for rule in pack.routing.departments:
        # A contact of unknown subject goes only to where the subject does not matter.
        if rule.when.holds(facts) and not (untyped and rule.when == ANYTHING):
            reasons.append(_reason("department", rule.unit, rule.name, rule))
            return rule.unit, None
    if untyped:
        return None, "neither business type nor problem type is known from the contact"
    return None, "no rule of the policy names a department for this type"
