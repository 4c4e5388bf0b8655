"""Classifies a contact: kind, types, tier, priority, department, each with its rule (R3.1-R3.5). Pure."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta

from msgspec.structs import replace

from schemas.contact import Contact
from schemas.ticket import Classification, Reason
from services.domain.contact_codes import unknown_codes, unknown_labels
from services.domain.contact_kind import CHANNEL_RULE, CHANNEL_SOURCE, KeywordHits, applies, kind_of
from services.domain.policy.base import Cited
from services.domain.policy.conditions import Facts, When
from services.domain.policy.keyword_matcher import fold
from services.domain.policy.pack import Pack
from services.domain.policy.types import BusinessType, ProblemType

TypeRule = BusinessType | ProblemType
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
    # The channel's own labels take precedence over the customer's words.
    sources = (pack.keywords.find(" ".join(contact.labels)), hits) if contact.labels else (hits,)
    business = _business(contact, pack, kind, sources, reasons)
    problem = _problem(contact, pack, sources, business, reasons)
    reasons += [code.as_reason() for code in unknown_codes(contact, pack)]
    if contact.labels and not any(isinstance(rule, BusinessType | ProblemType) for rule in sources[0]):
        reasons.append(unknown_labels(contact))
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
        word = hits.get(rule)
        if applies(rule, facts, word):
            reasons.append(_reason("validity", rule.validity, f"validity: {rule.validity}", rule, word))
            return rule.validity
    return pack.routing.validities[0]


def _opening(pack: Pack, facts: Facts, hits: KeywordHits, reasons: list[Reason]) -> str:
    for rule in pack.routing.opening:
        word = hits.get(rule)
        if applies(rule, facts, word):
            reasons.append(_reason("opening", rule.opening, rule.name, rule, word))
            return rule.opening
    return "opened"


def _longest_hit(sources: Iterable[KeywordHits], types: AbstractSet[TypeRule]) -> tuple[TypeRule, str] | None:
    """Return the type with the longest keyword, of the first source that has any of some types."""
    for hits in sources:
        # In the order of the policy, so that of two keywords of the same length the first one decides.
        found = [(rule, word) for rule, word in hits.items() if isinstance(rule, TypeRule) and rule in types]
        if found:
            return max(found, key=lambda hit: len(hit[1]))
    return None


def _business(
    contact: Contact, pack: Pack, kind: str, sources: Sequence[KeywordHits], reasons: list[Reason]
) -> str | None:
    if pack.group_of(contact.business_type) is not None:
        assert contact.business_type is not None
        reasons.append(
            Reason(subject="business_type", value=contact.business_type, rule=CHANNEL_RULE, source=CHANNEL_SOURCE)
        )
        return contact.business_type
    found = _longest_hit(sources, pack.business_of(kind))
    if found is None:
        return None
    entry, word = found
    reasons.append(_reason("business_type", entry.code, f"words of {entry.code}", entry, word))
    return entry.code


def _problem(
    contact: Contact, pack: Pack, sources: Sequence[KeywordHits], business: str | None, reasons: list[Reason]
) -> str | None:
    if contact.problem_type in pack.problems:
        assert contact.problem_type is not None
        reasons.append(
            Reason(subject="problem_type", value=contact.problem_type, rule=CHANNEL_RULE, source=CHANNEL_SOURCE)
        )
        return contact.problem_type
    group = pack.group_of(business)
    if group is None:
        # Without a business type a keyword may be of problems in several groups: a guess would reach the wrong unit.
        return None
    found = _longest_hit(sources, pack.problems_of(group))
    if found is None:
        return None
    entry, word = found
    reasons.append(_reason("problem_type", entry.code, f"words of {entry.code}", entry, word))
    return entry.code


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
        word = hits.get(rule)
        if applies(rule, facts, word) and not (rule.unless is not None and rule.unless.holds(facts)):
            signals.append(rule.signal)
            reasons.append(_reason("signal", rule.signal, rule.name, rule, word))
    return tuple(signals)


def _priority(pack: Pack, signals: tuple[str, ...], reasons: list[Reason]) -> int:
    rule = next(rule for rule in pack.routing.priorities if set(rule.all) <= set(signals))
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
