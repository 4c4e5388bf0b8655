"""Does a policy pack fit together, and does every rule of it have a chance? (`duban policy check`). Pure."""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import date

from services.domain.events import EVENTS, suggest
from services.domain.policy.conditions import When
from services.domain.policy.notices import HOT_ISSUE_OPENED, NoticeRule
from services.domain.policy.outcome import CALLBACK, OUTCOME
from services.domain.policy.pack import Pack

LISTS = ("tier", "kind", "business", "group", "problem", "channel", "origin", "validity", "unit", "signal", "liability")
FLAGS = ("vip", "roaming", "settled", "needs_headquarters", "late", "founded", "has_evidence", "older_than")
READERS = frozenset({"unit", "person", "centre", "next_level"})
"""Whom a clock or a notice may tell, beside units by their code."""
WORKERS = frozenset({"handling", "owner"})
"""Kinds of units that get tickets from rules."""
NOTICE_FROM = (10, 15)
"""Month and day from which on the next year's holidays are asked for; the notice comes in early November at the latest,
and by then a limit of working days may already reach into January."""


def find_problems(pack: Pack, folder: str) -> list[str]:
    """Return what cannot be: names of what is not there, rules that can never decide, clocks without a limit."""
    found = [] if pack.header.name == folder else [f"pack.toml: name is {pack.header.name}, but the folder is {folder}"]
    found += _missing(_named(pack))
    found += [
        f"{place}: {later!r} can never decide, {earlier!r} before it always does"
        for place, earlier, later in _hidden(pack)
    ]
    found += [
        f"limits.toml: clock {each.name} has no limit for some tickets: give it a last one without conditions"
        for each in pack.limits.clocks
        if not _complete([row.when for row in each.limits], pack.tiers)
    ]
    found += _uncountable(pack)
    return found


def _uncountable(pack: Pack) -> Iterator[str]:
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


def find_notice_problems(rules: Sequence[NoticeRule], pack: Pack, file: str) -> list[str]:
    """Return the rules of a notices.toml that nobody would ever be told by: events and readers that there are not."""
    events = EVENTS.keys() | {each.event for each in pack.outcome.entries} | {HOT_ISSUE_OPENED}
    readers = READERS | pack.units.keys()
    return [
        *_missing((f"{file}: event of the letter {each.letter}", each.event, events) for each in rules),
        *_missing((f"{file}: readers of {each.event}", name, readers) for each in rules for name in each.readers),
    ]


def _missing(named: Iterable[tuple[str, str, AbstractSet[str]]]) -> list[str]:
    return [
        f"{place}: there is no {name!r}: {suggest(name, known)}" for place, name, known in named if name not in known
    ]


def _complete(conditions: Sequence[When], tiers: frozenset[str]) -> bool:
    """Whether one of them always holds: without conditions, or by tier alone for every tier."""
    by_tier = {tier for each in conditions if each == When(tier=each.tier) for tier in each.tier}
    return When() in conditions or by_tier == tiers


def find_warnings(pack: Pack, today: date) -> list[str]:
    """Return what works but is probably not meant: departments that no rule reaches, holidays that will be missing."""
    reached = (
        {each.unit for each in pack.routing.departments}
        | set(pack.outcome.rejection.levels)
        | {each.parent for each in pack.units.values()}
    )
    found = [
        f"units.toml: no rule of routing.toml sends anything to {code!r}"
        for code, unit in pack.units.items()
        if unit.kind in WORKERS and code not in reached
    ]
    needed = {today.year} | ({today.year + 1} if (today.month, today.day) >= NOTICE_FROM else set())
    used = {pack.outcome.callback.holidays} | {
        row.calendar or clock.calendar for clock in pack.limits.clocks for row in clock.limits
    }
    found += [
        f"calendars/{name}.toml: the holidays of {year} are missing: deploy/tools/working_calendar.py writes it again"
        for name, calendar in pack.calendars.items()
        if name in used and calendar.days is not None
        for year in sorted(needed - set(calendar.days.years))
    ]
    return found


def _named(pack: Pack) -> Iterator[tuple[str, str, AbstractSet[str]]]:  # noqa: C901, PLR0912 - a line each
    """Return every name that has to exist: where it stands, the name, and what there is."""
    units, groups = set(pack.units), {each.code for each in pack.types.groups}
    business, calendars = {each.code for each in pack.types.business}, set(pack.calendars)
    yield "pack.toml: centre", pack.header.centre, units
    yield "pack.toml: supervisor", pack.header.supervisor, units
    yield "calendars", "elapsed", calendars
    for unit in pack.units.values():
        if unit.parent is not None:
            yield f"units.toml: parent of {unit.code}", unit.parent, units
    for each in pack.types.business:
        yield f"types.toml: group of {each.code}", each.group, groups
    for problem in pack.types.problem:
        for group in problem.groups:
            yield f"types.toml: groups of {problem.code}", group, groups
    for rule in pack.routing.departments:
        yield f"routing.toml: {rule.name}", rule.unit, units
    for clock in pack.limits.clocks:
        yield f"limits.toml: calendar of {clock.name}", clock.calendar, calendars
        for row in clock.limits:
            yield f"limits.toml: calendar of {clock.name}/{row.name}", row.calendar or clock.calendar, calendars
        for reader in (*clock.breach.notifies, *(name for each in clock.warnings for name in each.notifies)):
            yield f"limits.toml: notifies of {clock.name}", reader, READERS | units
    yield from _care(pack, units)
    for place, rules in _tables(pack):
        for name, when in rules:
            for code in when.business:
                yield f"{place}: {name}", code, business
            for code in when.group:
                yield f"{place}: {name}", code, groups
            for code in when.problem:
                yield f"{place}: {name}", code, pack.problems
            for code in when.tier:
                yield f"{place}: {name}", code, pack.tiers
            for code in when.kind:
                yield f"{place}: {name}", code, set(pack.routing.kinds)
            for code in when.unit:
                yield f"{place}: {name}", code, units
            for code in when.origin:
                yield f"{place}: {name}", code, set(pack.routing.origins)
            for code in when.validity:
                yield f"{place}: {name}", code, set(pack.routing.validities)


def _care(pack: Pack, units: set[str]) -> Iterator[tuple[str, str, AbstractSet[str]]]:
    """Return the names that outcome.toml and the rules of routing.toml other than the tables use."""
    outcome = pack.outcome
    known = {*OUTCOME, CALLBACK, *(each.kind for each in outcome.entries)}
    for need in (*outcome.closing.needs, *(name for each in outcome.closing.also for name in each.needs)):
        yield "outcome.toml: closing needs", need, known
    for entry in outcome.entries:
        for unit in entry.by:
            yield f"outcome.toml: who may write {entry.kind}", unit, units
    if outcome.callback.holidays is not None:
        yield "outcome.toml: holidays of callback", outcome.callback.holidays, set(pack.calendars)
    for level in outcome.rejection.levels:
        yield "outcome.toml: rejection levels", level, units
    if outcome.compensation is not None:
        yield "outcome.toml: compensation beyond", outcome.compensation.beyond, units
    yield from _classifying(pack, units)


def _classifying(pack: Pack, units: set[str]) -> Iterator[tuple[str, str, AbstractSet[str]]]:
    routing = pack.routing
    for centre in routing.centres:
        yield f"routing.toml: {centre.name}", centre.unit, units
    for alert in routing.alerts:
        for unit in alert.units:
            yield f"routing.toml: {alert.name}", unit, units
    for code in (*routing.kinds, *pack.tiers):
        yield "routing.toml: titles", code, set(routing.titles)
    for kind in routing.kind:
        yield "routing.toml: kind", kind.kind, set(routing.kinds)
    for validity in routing.validity:
        yield "routing.toml: validity", validity.validity, set(routing.validities)


def _tables(pack: Pack) -> Iterator[tuple[str, Sequence[tuple[str, When]]]]:
    """Return every list of rules of which the first that holds decides."""
    yield "routing.toml, centre", [(each.name, each.when) for each in pack.routing.centres]
    yield "routing.toml, tier", [(each.name, each.when) for each in pack.routing.tiers]
    yield "routing.toml, department", [(each.name, each.when) for each in pack.routing.departments]
    yield "outcome.toml, callback script", [(each.name, each.when) for each in pack.outcome.callback.scripts]
    for clock in pack.limits.clocks:
        yield f"limits.toml, {clock.name}", [(each.name, each.when) for each in clock.limits]


def _hidden(pack: Pack) -> Iterator[tuple[str, str, str]]:
    """Return rules that stand behind a rule which holds whenever they do."""
    for place, rules in _tables(pack):
        for number, (later, narrow) in enumerate(rules):
            for earlier, wide in rules[:number]:
                if _covers(wide, narrow):
                    yield place, earlier, later
                    break


def _covers(wide: When, narrow: When) -> bool:
    """Whether one condition holds whenever the other does."""
    for name in LISTS:
        allowed, wanted = set(getattr(wide, name)), set(getattr(narrow, name))
        if allowed and not (wanted and wanted <= allowed):
            return False
    return all(getattr(wide, name) in {None, getattr(narrow, name)} for name in FLAGS)
