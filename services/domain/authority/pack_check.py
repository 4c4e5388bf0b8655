"""Checks what a pack says about persons, authority and compensation (`duban policy check`). Pure."""

from collections.abc import Iterator, Mapping

from schemas.action import RecordEntry
from services.domain.authority.judge import DISPATCHING
from services.domain.policy.authority import AuthorityOverride, Party
from services.domain.policy.pack import Pack
from services.domain.policy.units import Units

RECORD = str(RecordEntry.__struct_config__.tag)


def duplicates(units: Units) -> Iterator[str]:
    """Yield units and persons that share a name, of which a pack would know only the last."""
    codes, names = [unit.code for unit in units.units], [person.name for person in units.persons]
    for what, known in (("units", codes), ("persons", names)):
        for name in sorted({name for name in known if known.count(name) > 1}):
            yield f"units.toml: two {what} are called {name}: the pack knows who acts by the name, so tell them apart"


def problems(pack: Pack) -> Iterator[str]:
    """Yield why what a pack says about authority is wrong: rules that never apply, and actions that nobody may take."""
    if pack.outcome.compensation is not None and not pack.outcome.compensation.covers:
        yield "outcome.toml: compensation covers nothing, so nobody may grant any: name what it covers, or leave it out"
    yield from _rule_problems(pack)
    for code in sorted(pack.centres & pack.units.keys()):
        if not any(pack.units[each].answers_customer for each in {code, *pack.above(code)}):
            yield f"units.toml: neither {code} nor a unit above answers customers: write answers_customer = true"


def _rule_problems(pack: Pack) -> Iterator[str]:
    for action, rules in pack.authority.by_action.items():
        for number, rule in enumerate(rules, start=1):
            place = f"authority.toml: {action}, rule {number}"
            yield from (f"{place}: {reason}" for reason in _impossible_parties(action, rule, pack))
            stuck = _stuck(rule, pack)
            if stuck is not None:
                yield f"{place}: nobody may {action} {stuck}: add centre, or a unit"


def _impossible_parties(action: str, rule: AuthorityOverride, pack: Pack) -> Iterator[str]:
    """Yield why a rule, or a party that it names, can apply to nobody under the pack."""
    if rule.entries and action != RECORD:
        yield f"only {RECORD} has entries: leave them out"
    kinds = set(pack.kinds.values())
    reasons: Mapping[Party, str | None] = {
        Party.ACCEPTING: None if "channel" in kinds else "no unit is of the kind channel",
        Party.DISPATCHER: None if kinds & DISPATCHING else "no unit is of a kind that dispatches",
        Party.GRANTING: None if pack.outcome.compensation is not None else "outcome.toml has no compensation",
        Party.WRITER: None if action == RECORD else f"only {RECORD} is written by a writer",
    }
    for party in rule.who:
        reason = reasons.get(party)
        if reason is not None:
            yield f"{party} can be nobody, because {reason}: leave it out"


def _stuck(rule: AuthorityOverride, pack: Pack) -> str | None:
    """Return on which tickets nobody has the right that a rule gives; None if somebody always has it."""
    parties = set(rule.who) - {Party.ASSISTING, Party.REQUESTER}
    if rule.units or rule.persons or parties - {Party.DISPATCHER, Party.ABOVE}:
        return None
    if not parties:
        return "while no unit assists"
    for holder in sorted(set(rule.when.unit) & pack.units.keys() or pack.units.keys()):
        if not any(_is_somebody(party, holder, pack) for party in parties):
            return f"while {holder} holds the ticket"
    return None


def _is_somebody(party: Party, holder: str, pack: Pack) -> bool:
    """Whether anybody is the dispatcher, or above, of every ticket that a unit holds."""
    if party is Party.DISPATCHER:
        return pack.kinds[holder] in DISPATCHING
    return bool(pack.above(holder)) or all(pack.above(centre) for centre in pack.centres)
