"""Kind, type, tier, priority and department of a contact, each with the rule that said so (R3.1-R3.5). Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

from msgspec.structs import replace

from schemas.contact import Contact
from schemas.ticket import Classification, Reason
from services.domain.policy.base import Cited
from services.domain.policy.conditions import Facts, When
from services.domain.policy.keyword_matcher import fold
from services.domain.policy.pack import Pack
from services.domain.policy.routing import KeywordRule
from services.domain.policy.types import BusinessType, ProblemType

T = TypeVar("T", BusinessType, ProblemType)
Found = Mapping[int, str]
"""The longest word that a text holds of each rule, by the rule's `id`."""

ANYTHING = When()
CHANNEL = "told by the channel"
CHANNEL_SOURCE = "R3.1: both types come from the channel when it knows them"


def classify(contact: Contact, pack: Pack) -> Classification:
    """Return what kind of ticket a contact makes, and where it goes first; never fails, the unsure go to triage."""
    routing, reasons = pack.routing, list[Reason]()
    said = pack.keywords.find(contact.text)
    kind, origin = _kind(contact, pack, said, reasons)
    vip = fold(contact.customer.level or "") in pack.vip_levels
    if vip:
        reasons.append(_reason("vip", contact.customer.level or "", "customer level", routing.vip))
    # The channel's own words count before the customer's.
    texts = (pack.keywords.find(" ".join(contact.labels)), said) if contact.labels else (said,)
    business = _business(contact, pack, kind, texts, reasons)
    problem = _problem(contact, pack, texts, business, reasons)
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
    validity = _validity(pack, facts, said, reasons)
    facts = replace(facts, validity=validity)
    opening = _opening(pack, facts, said, reasons)
    signals = _signals(pack, facts, said, reasons)
    facts = replace(facts, signals=frozenset(signals))
    tier = _tier(pack, facts, reasons)
    facts = replace(facts, tier=tier)
    priority = _priority(pack, signals, reasons)
    centre = next((each.unit for each in routing.centres if each.when.holds(facts)), pack.header.centre)
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


def _reason(subject: str, value: str, rule: str, mark: Cited, matched: str | None = None) -> Reason:
    return Reason(subject=subject, value=value, rule=rule, source=mark.source, matched=matched)


def _kind(contact: Contact, pack: Pack, said: Found, reasons: list[Reason]) -> tuple[str, str | None]:
    """Return the kind, and for an appeal where it is from."""
    routing = pack.routing
    told_origin = contact.origin if contact.origin in routing.origins else None
    if contact.kind in routing.kinds:
        assert contact.kind is not None
        reasons.append(Reason(subject="kind", value=contact.kind, rule=CHANNEL, source=CHANNEL_SOURCE))
        return contact.kind, told_origin
    facts = Facts(
        kind="", channel=contact.channel, vip=False, settled=contact.settlement is not None, origin=told_origin
    )
    for rule in routing.kind:
        word = said.get(id(rule))
        if _decides(rule, facts, word):
            how = f"words of {rule.kind}" if word is not None else f"channel of {rule.kind}"
            reasons.append(_reason("kind", rule.kind, how, rule, word))
            return rule.kind, told_origin or rule.origin
    reasons.append(Reason(subject="kind", value=routing.kinds[0], rule="default kind", source="R3.2"))
    return routing.kinds[0], told_origin


def _decides(rule: KeywordRule, facts: Facts, word: str | None) -> bool:
    return word is not None or (rule.when is not None and rule.when.holds(facts))


def _validity(pack: Pack, facts: Facts, said: Found, reasons: list[Reason]) -> str:
    for rule in pack.routing.validity:
        word = said.get(id(rule))
        if _decides(rule, facts, word):
            reasons.append(_reason("validity", rule.validity, f"validity: {rule.validity}", rule, word))
            return rule.validity
    return pack.routing.validities[0]


def _opening(pack: Pack, facts: Facts, said: Found, reasons: list[Reason]) -> str:
    for rule in pack.routing.opening:
        word = said.get(id(rule))
        if _decides(rule, facts, word):
            reasons.append(_reason("opening", rule.opening, rule.name, rule, word))
            return rule.opening
    return "opened"


def _longest(texts: Iterable[Found], entries: Sequence[T]) -> tuple[T, str] | None:
    """Return the entry with the longest word that a text holds; the first text that holds one decides."""
    for found in texts:
        held = [(entry, found[id(entry)]) for entry in entries if id(entry) in found]
        if held:
            return max(held, key=lambda each: len(each[1]))
    return None


def _business(contact: Contact, pack: Pack, kind: str, texts: Sequence[Found], reasons: list[Reason]) -> str | None:
    if pack.group_of(contact.business_type) is not None:
        assert contact.business_type is not None
        reasons.append(
            Reason(subject="business_type", value=contact.business_type, rule=CHANNEL, source=CHANNEL_SOURCE)
        )
        return contact.business_type
    found = _longest(texts, pack.business_of(kind))
    if found is None:
        return None
    entry, word = found
    reasons.append(_reason("business_type", entry.code, f"words of {entry.code}", entry, word))
    return entry.code


def _problem(
    contact: Contact, pack: Pack, texts: Sequence[Found], business: str | None, reasons: list[Reason]
) -> str | None:
    if contact.problem_type in pack.problems:
        assert contact.problem_type is not None
        reasons.append(Reason(subject="problem_type", value=contact.problem_type, rule=CHANNEL, source=CHANNEL_SOURCE))
        return contact.problem_type
    group = pack.group_of(business)
    if group is None:
        # Without a business type a problem word may belong to several groups: a guess would go to the wrong department.
        return None
    found = _longest(texts, pack.problems_of(group))
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
    rule = next(each for each in pack.routing.tiers if each.when.holds(facts))
    reasons.append(_reason("tier", rule.tier, rule.name, rule))
    return rule.tier


def _signals(pack: Pack, facts: Facts, said: Found, reasons: list[Reason]) -> tuple[str, ...]:
    signals: list[str] = []
    for rule in pack.routing.signals:
        if rule.signal in signals:
            continue
        word = said.get(id(rule))
        if _decides(rule, facts, word):
            signals.append(rule.signal)
            reasons.append(_reason("signal", rule.signal, rule.name, rule, word))
    return tuple(signals)


def _priority(pack: Pack, signals: tuple[str, ...], reasons: list[Reason]) -> int:
    rule = next(each for each in pack.routing.priorities if set(each.all) <= set(signals))
    reasons.append(_reason("priority", str(rule.priority), rule.name, rule))
    return rule.priority


def _department(pack: Pack, facts: Facts, reasons: list[Reason]) -> tuple[str | None, str | None]:
    untold = facts.business is None and facts.problem is None
    for rule in pack.routing.departments:
        # What nobody can tell the subject of goes only where the subject does not matter.
        if rule.when.holds(facts) and not (untold and rule.when == ANYTHING):
            reasons.append(_reason("department", rule.unit, rule.name, rule))
            return rule.unit, None
    if untold:
        return None, "neither business type nor problem type can be told from the contact"
    return None, "no rule of the policy names a department for this type"
