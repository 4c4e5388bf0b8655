"""Of which kind a contact is, before anything else is decided about it (R3.1, R3.2, R3.8). Pure."""

from schemas.contact import Contact
from schemas.ticket import Reason
from services.domain.policy.base import Cited
from services.domain.policy.conditions import Facts
from services.domain.policy.keyword_hits import Hits
from services.domain.policy.pack import Pack
from services.domain.policy.routing import KeywordRule, KindRule

KeywordHits = Hits[Cited]
"""What the keywords of a pack mean in a text."""

CHANNEL_RULE = "given by the channel"
CHANNEL_SOURCE = "R3.1: both types come from the channel when it knows them"


def kind_of(contact: Contact, pack: Pack, hits: KeywordHits, reasons: list[Reason]) -> tuple[str, str | None]:
    """Return the kind of a contact, and the origin of an appeal.

    Args:
        contact: the contact.
        pack: the policy pack.
        hits: what its keywords find in the text.
        reasons: the rules that decided are added.

    """
    routing = pack.routing
    given = contact.origin if contact.origin in routing.origins else None
    facts = Facts(kind="", channel=contact.channel, vip=False, settled=contact.settlement is not None, origin=given)
    if contact.kind in routing.kinds:
        assert contact.kind is not None
        reasons.append(Reason(subject="kind", value=contact.kind, rule=CHANNEL_RULE, source=CHANNEL_SOURCE))
        rules = [rule for rule in routing.kind if rule.kind == contact.kind and rule.origin is not None]
        return contact.kind, _origin(pack, facts, hits, reasons, needed=bool(rules))
    for rule in routing.kind:
        word = hits.words.get(rule)
        if applies(rule, facts, word) and not (word is not None and _complains(rule, pack, hits, reasons)):
            name = f"words of {rule.kind}" if word is not None else f"channel of {rule.kind}"
            reasons.append(Reason(subject="kind", value=rule.kind, rule=name, source=rule.source, matched=word))
            origin = _origin(pack, facts, hits, reasons, needed=rule.origin is not None)
            return rule.kind, origin or rule.origin
    reasons.append(Reason(subject="kind", value=routing.kinds[0], rule="default kind", source="R3.2"))
    return routing.kinds[0], given


def applies(rule: KeywordRule, facts: Facts, word: str | None) -> bool:
    """Return whether a rule applies, by its word, by its condition, or where it has both by both together."""
    if word is None and rule.keywords:
        return False
    return rule.when is None or rule.when.holds(facts)


def _complains(rule: KindRule, pack: Pack, hits: KeywordHits, reasons: list[Reason]) -> bool:
    """Return whether a text that asks or suggests is a complaint all the same; says so in the reasons."""
    phrases = pack.phrases
    for grievance in (phrases.grievance, phrases.dispute, phrases.neglect):
        if grievance is not None and (word := hits.words.get(grievance)) is not None:
            reasons.append(
                Reason(
                    subject="not_kind",
                    value=rule.kind,
                    rule=f"the text {grievance.meaning}"[:200],
                    source=grievance.source,
                    matched=word,
                )
            )
            return True
    return False


def _origin(pack: Pack, facts: Facts, hits: KeywordHits, reasons: list[Reason], *, needed: bool) -> str | None:
    """Return the origin that the channel gives, else the one that the text tells; None if neither does."""
    if facts.origin is not None or not needed:
        return facts.origin
    for rule in pack.routing.origin:
        word = hits.words.get(rule)
        if applies(rule, facts, word):
            reasons.append(
                Reason(
                    subject="origin",
                    value=rule.origin,
                    rule=f"words of {rule.origin}",
                    source=rule.source,
                    matched=word,
                )
            )
            return rule.origin
    return None
