"""Checks that the files of a policy pack fit together and that every rule can apply (`duban policy check`). Pure."""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date

from pydantic import BaseModel

from services.domain.events import EVENTS, suggest
from services.domain.policy import references
from services.domain.policy.conditions import CONTACT_ONLY, When
from services.domain.policy.notices import NoticePolicy, PackNoticePolicy
from services.domain.policy.pack import Pack
from services.domain.policy.vocabulary import NEEDED_TO_DECIDE, known_names

DISPATCHED_KINDS = frozenset({"handling", "owner"})
"""Kinds of units to which rules dispatch tickets."""
HOLIDAYS_NEEDED_FROM = (10, 15)
"""Month and day from which on the next year's holidays are needed: they are published by early November, and a limit of
working days may reach into January by then."""

KNOWN_OF_TICKETS = frozenset(When.model_fields) - CONTACT_ONLY
"""What is known where a condition is evaluated on a ticket."""
SHOWN_NAMES = 12
"""Names that a message lists beside the closest one."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a pack.

    Attributes:
        file: where it stands.
        content: the model of it.
        place: the rule in the file, if it is only that.

    """

    file: str
    content: BaseModel
    place: str = ""


def find_problems(pack: Pack, folder: str) -> list[str]:
    """Return why no ticket can be decided by a pack: names without which it cannot, SLA timers without a limit."""
    problems = []
    if pack.header.name != folder:
        problems.append(f"pack.toml: name is {pack.header.name}, but the folder is {folder}")
    if "elapsed" not in pack.calendars:
        problems.append("calendars: elapsed.toml is missing: minutes and hours are counted by it")
    problems += [
        f"routing.toml: titles: the kind {kind!r} has none: write {kind} = {{ zh = ..., en = ... }}"
        for kind in pack.routing.kinds
        if kind not in pack.routing.titles
    ]
    problems += _unknown_names(pack, parts(pack), needed=True)
    problems += [
        f"{place}: {later!r} can never apply, because {earlier!r} before it always does"
        for place, earlier, later in _hidden_rules(pack)
    ]
    problems += [
        f"limits.toml: clock {clock.name} has no limit for some tickets: give it a last one without conditions"
        for clock in pack.limits.clocks
        if not _is_complete([row.when for row in clock.limits], pack.tiers)
    ]
    problems += _uncountable_limits(pack)
    problems += _needless_callback_clocks(pack)
    return problems


def find_mistakes(pack: Pack) -> list[str]:
    """Return what else is wrong with a pack, for whoever can mend it; a version in force is read all the same.

    Names that do not exist anywhere, names given twice, and conditions that can never hold where they stand.
    """
    files = parts(pack)
    mistakes = _unknown_names(pack, files, needed=False)
    for part in files:
        mistakes += [
            f"{part.file}: {place}: {name!r} stands there twice, and only the last would count: name each differently"
            for place, name in references.doubled(part.content, part.place)
        ]
        mistakes += [f"{part.file}: {each}" for each in _impossible_conditions(part)]
    mistakes += [
        f"outcome.toml: entry {entry.kind}, event: {entry.event!r} is an event of the ledger, and others would take "
        "the entry for it: leave it out, or give it a name of its own"
        for entry in pack.outcome.entries
        if entry.event in EVENTS
    ]
    return mistakes


def parts(pack: Pack) -> list[Part]:
    """Return the files of a pack, each with its content."""
    return [
        Part("pack.toml", pack.header),
        *(Part("units.toml", unit, f"unit {code}") for code, unit in pack.units.items()),
        *(Part("units.toml", person, f"person {name}") for name, person in pack.persons.items()),
        Part("types.toml", pack.types),
        Part("limits.toml", pack.limits),
        Part("routing.toml", pack.routing),
        Part("outcome.toml", pack.outcome),
        Part("authority.toml", pack.authority),
        Part("phrases.toml", pack.phrases),
    ]


def _impossible_conditions(part: Part) -> Iterator[str]:
    """Yield conditions on what is not known where they are evaluated, and so never hold."""
    for found in references.models(part.content, part.place):
        if isinstance(found.model, When):
            known = found.knows if found.knows is not None else KNOWN_OF_TICKETS
            for name in sorted(_asked(found.model) - known):
                yield f"{found.place}: {name} is not known there, so it can never hold: leave it out"


def _asked(when: When) -> AbstractSet[str]:
    """Return the conditions that a `when` gives."""
    return {name for name in type(when).model_fields if getattr(when, name) not in (None, ())}


def _uncountable_limits(pack: Pack) -> Iterator[str]:
    """Return a message for each limit in working days whose calendar has none."""
    for clock in pack.limits.clocks:
        for row in clock.limits:
            name = row.calendar or clock.calendar
            calendar = pack.calendars.get(name)
            if calendar is None or calendar.kind != "elapsed":
                continue
            for span in (row.value, row.lower, row.upper):
                if span is not None and span.unit == "wd":
                    yield (
                        f"limits.toml: clock {clock.name} counts working days ({span}) by {name}, which has none: name "
                        f"a working calendar, or write {span.amount}d"
                    )


def _needless_callback_clocks(pack: Pack) -> Iterator[str]:
    """Return a message for each clock of the callback that runs for tickets which are never called back (R5.3)."""
    never = [validity for validity in pack.routing.validities if validity in pack.outcome.callback.never_for]
    for clock in pack.limits.clocks:
        if "surveyed" not in {*clock.until, *clock.until_all}:
            continue
        for validity in never:
            unless = When(validity=clock.unless.validity) if clock.unless is not None else When()
            spared = clock.unless == unless and validity in unless.validity
            if not spared and (not clock.when.validity or validity in clock.when.validity):
                yield (
                    f"limits.toml: clock {clock.name} waits for a survey of {validity} tickets, which are never called "
                    f'back (never_for in outcome.toml): write unless = {{ validity = ["{validity}"] }}'
                )


def find_notice_problems(notices: NoticePolicy | PackNoticePolicy, pack: Pack, file: str) -> list[str]:
    """Return the events and readers in a notices.toml that do not exist."""
    return _unknown_names(pack, [Part(file, notices)], needed=True)


def _unknown_names(pack: Pack, files: Iterable[Part], *, needed: bool) -> list[str]:
    """Return a message for each name that refers to nothing.

    Args:
        pack: which it is looked up in.
        files: with their content.
        needed: whether those without which nothing can be decided are meant, or all others.

    """
    vocabulary = known_names(pack)
    return [
        f"{part.file}: {found.place}: {_no_such(found.name, vocabulary[found.to])}"
        for part in files
        for found in references.references(part.content, part.place)
        if found.to in vocabulary and found.name not in vocabulary[found.to]
        if needed == (found.to in NEEDED_TO_DECIDE and not found.in_condition)
    ]


def _no_such(name: str, known: AbstractSet[str]) -> str:
    """Return the message about an unknown name: the closest that there is, and what else."""
    if not known:
        return f"there is no {name!r}, and nothing of the kind: leave it out"
    advice = suggest(name, known)
    names = sorted(known)
    if not advice.startswith("did you mean"):
        return f"there is no {name!r}: {advice}"
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return f"there is no {name!r}: {advice} There are {', '.join(names[:SHOWN_NAMES])}{more}"


def _is_complete(conditions: Sequence[When], tiers: frozenset[str]) -> bool:
    """Return whether one of the conditions always holds: one that is empty, or those by tier alone together."""
    by_tier = {tier for when in conditions if when == When(tier=when.tier) for tier in when.tier}
    return When() in conditions or by_tier == tiers


def find_warnings(pack: Pack, today: date) -> list[str]:
    """Return what is valid but probably a mistake: units that no rule reaches, holidays that are not listed yet."""
    return [*_unreached_units(pack), *_missing_holidays(pack, today)]


def _unreached_units(pack: Pack) -> Iterator[str]:
    reached = (
        {rule.unit for rule in pack.routing.departments}
        | set(pack.outcome.rejection.levels)
        | {unit.parent for unit in pack.units.values()}
    )
    for code, unit in pack.units.items():
        if unit.kind in DISPATCHED_KINDS and code not in reached:
            yield f"units.toml: no rule of routing.toml sends anything to {code!r}"


def _missing_holidays(pack: Pack, today: date) -> Iterator[str]:
    needed = {today.year} | ({today.year + 1} if (today.month, today.day) >= HOLIDAYS_NEEDED_FROM else set())
    used = {pack.outcome.callback.holidays} | {
        row.calendar or clock.calendar for clock in pack.limits.clocks for row in clock.limits
    }
    for name, calendar in pack.calendars.items():
        if name in used and calendar.days is not None:
            for year in sorted(needed - set(calendar.days.years)):
                yield (
                    f"calendars/{name}.toml: the holidays of {year} are missing:"
                    " deploy/tools/working_calendar.py writes it again"
                )


def _tables(pack: Pack) -> Iterator[tuple[str, Sequence[tuple[str, When]]]]:
    """Return every table of rules of which the first that holds decides, as names and conditions."""
    yield "routing.toml, centre", [(rule.name, rule.when) for rule in pack.routing.centres]
    yield "routing.toml, tier", [(rule.name, rule.when) for rule in pack.routing.tiers]
    yield "routing.toml, department", [(rule.name, rule.when) for rule in pack.routing.departments]
    yield "outcome.toml, callback script", [(rule.name, rule.when) for rule in pack.outcome.callback.scripts]
    yield "outcome.toml, appeal_bar", [(rule.name, rule.when) for rule in pack.outcome.appeal_bars]
    for clock in pack.limits.clocks:
        yield f"limits.toml, {clock.name}", [(rule.name, rule.when) for rule in clock.limits]
    for action, rules in pack.authority.by_action.items():
        for entry in sorted({"", *(kind for rule in rules for kind in rule.entries)}):
            yield (
                "authority.toml",
                [
                    (f"{action}, rule {number}", rule.when)
                    for number, rule in enumerate(rules, start=1)
                    if not rule.entries or entry in rule.entries
                ],
            )


def _hidden_rules(pack: Pack) -> Iterator[tuple[str, str, str]]:
    """Return rules that come after one which holds whenever they do: the table, the earlier and the later rule."""
    for place, rules in _tables(pack):
        for number, (later, narrow) in enumerate(rules):
            for earlier, wide in rules[:number]:
                if _covers(wide, narrow):
                    yield place, earlier, later
                    break


def _covers(wide: When, narrow: When) -> bool:
    """Return whether one condition holds whenever the other does."""
    return all(_covers_one(getattr(wide, name), getattr(narrow, name)) for name in type(wide).model_fields)


def _covers_one(wide: object, narrow: object) -> bool:
    if isinstance(wide, tuple) and isinstance(narrow, tuple):
        return not wide or (bool(narrow) and set(narrow) <= set(wide))
    return wide is None or wide == narrow
