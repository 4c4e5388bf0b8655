"""Checks what a pack says about persons, authority and compensation (`duban policy check`). Pure."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from schemas.action import RecordEntry
from schemas.command import MODELS
from services.domain.authority.judge import DISPATCHING
from services.domain.authority.table import internal_actions
from services.domain.events import suggest
from services.domain.policy.authority import AuthorityOverride, Party
from services.domain.policy.conditions import When
from services.domain.policy.pack import Pack
from services.domain.policy.units import ROLES, Units

CONTACT_CONDITIONS = ("roaming", "needs_headquarters", "has_evidence", "older_than")
"""Conditions about a contact, which is all that routing.toml decides on; no ticket keeps what they ask for."""
RECORD = str(RecordEntry.__struct_config__.tag)


def references(pack: Pack) -> Iterator[tuple[str, str, AbstractSet[str]]]:
    """Yield every name in what a pack says about authority: where it stands, the name, and the names that exist."""
    units, levels = pack.units.keys(), _levels(pack)
    for person in pack.persons.values():
        for code in person.units:
            yield f"units.toml: units of {person.name}", code, units
        if person.level is not None:
            yield f"units.toml: level of {person.name}", person.level, levels
    for rule in pack.authority.rules:
        for kind in rule.entries:
            yield f"authority.toml: entries of {', '.join(rule.actions)}", kind, pack.entries.keys()
        for code in rule.units:
            yield f"authority.toml: units of {', '.join(rule.actions)}", code, units
        for name in rule.persons:
            yield f"authority.toml: persons of {', '.join(rule.actions)}", name, pack.persons.keys()
    yield from _compensation_references(pack)


def _levels(pack: Pack) -> AbstractSet[str]:
    rule = pack.outcome.compensation
    return {level.level for level in rule.levels} if rule is not None else set()


def _compensation_references(pack: Pack) -> Iterator[tuple[str, str, AbstractSet[str]]]:
    rule = pack.outcome.compensation
    if rule is None:
        return
    yield "outcome.toml: compensation beyond", rule.beyond, pack.units.keys()
    covers = set(rule.covers)
    for level in rule.levels:
        for code in level.covers:
            yield f"outcome.toml: covers of {level.level}", code, covers
    for condition in rule.conditions:
        for code in condition.levels:
            yield f"outcome.toml: levels of {condition.name}", code, _levels(pack)
        for code in condition.covers:
            yield f"outcome.toml: covers of {condition.name}", code, covers


def conditions(pack: Pack) -> Iterator[tuple[str, str, When]]:
    """Yield the conditions that are evaluated on tickets, apart from clocks: the file, the rule, and the conditions."""
    for action, rules in pack.authority.by_action.items():
        for number, rule in enumerate(rules, start=1):
            yield "authority.toml", f"{action}, rule {number}", rule.when
    for number, extra in enumerate(pack.outcome.closing.also, start=1):
        yield "outcome.toml", f"closing.also, rule {number}", extra.when
    for script in pack.outcome.callback.scripts:
        yield "outcome.toml", f"callback script {script.name}", script.when
    if pack.outcome.compensation is not None:
        for condition in pack.outcome.compensation.conditions:
            yield "outcome.toml", f"compensation condition {condition.name}", condition.when


def duplicates(units: Units) -> Iterator[str]:
    """Yield units and persons that share a name, of which a pack would know only the last."""
    codes, names = [unit.code for unit in units.units], [person.name for person in units.persons]
    for what, known in (("units", codes), ("persons", names)):
        for name in sorted({name for name in known if known.count(name) > 1}):
            yield f"units.toml: two {what} are called {name}: the pack knows who acts by the name, so tell them apart"


def problems(pack: Pack) -> Iterator[str]:
    """Yield why what a pack says about authority is wrong: rules that never apply, and actions that nobody may take."""
    for place, name, known in _codes_of_duban(pack):
        if name not in known:
            yield f"{place}: there is no {name!r}: {suggest(name, known)}"
    for file, rule, when in conditions(pack):
        for name in CONTACT_CONDITIONS:
            if getattr(when, name) is not None:
                yield f"{file}: {rule} can never apply, because only a contact has {name}, no ticket: leave it out"
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


def _codes_of_duban(pack: Pack) -> Iterator[tuple[str, str, AbstractSet[str]]]:
    """Yield names of what Duban itself has; those that a newer version has must not make its packs unreadable here."""
    for person in pack.persons.values():
        for role in person.roles:
            yield f"units.toml: roles of {person.name}", role, ROLES
    actions = MODELS.keys() - internal_actions()
    for rule in pack.authority.rules:
        for action in rule.actions:
            yield "authority.toml: action", action, actions


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
