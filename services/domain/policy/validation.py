"""Checks that the files of a policy pack fit together and that every rule can apply (`duban policy check`). Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date

from services.domain.authority import pack_check
from services.domain.events import EVENTS, suggest
from services.domain.policy.conditions import When
from services.domain.policy.limits import ANCHORS, FACTS
from services.domain.policy.notices import HOT_ISSUE_OPENED, NoticeRule
from services.domain.policy.outcome import ASSISTANCE, CALLBACK, OUTCOME_PARTS
from services.domain.policy.pack import Pack

LIST_CONDITIONS = (
    "tier",
    "kind",
    "business",
    "group",
    "problem",
    "channel",
    "origin",
    "validity",
    "unit",
    "signal",
    "liability",
)
SINGLE_CONDITIONS = ("vip", "roaming", "settled", "needs_headquarters", "late", "founded", "has_evidence", "older_than")
READERS = frozenset({"unit", "person", "holder", "centre", "next_level"})
"""Readers that a limit or a notice may name, besides the codes of units."""
DISPATCHED_KINDS = frozenset({"handling", "owner"})
"""Kinds of units to which rules dispatch tickets."""
HOLIDAYS_NEEDED_FROM = (10, 15)
"""Month and day from which on the next year's holidays are needed: they are published by early November, and a limit of
working days may reach into January by then."""

Reference = tuple[str, str, AbstractSet[str]]
"""A name in a policy file: where it stands, the name itself, and the names that exist."""


def find_problems(pack: Pack, folder: str) -> list[str]:
    """Return why a pack is invalid: unknown names, rules that can never apply, SLA timers without a limit."""
    problems = []
    if pack.header.name != folder:
        problems.append(f"pack.toml: name is {pack.header.name}, but the folder is {folder}")
    problems += _unknown_names(_references(pack))
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


def find_notice_problems(rules: Sequence[NoticeRule], pack: Pack, file: str) -> list[str]:
    """Return the events and readers in a notices.toml that do not exist."""
    events = EVENTS.keys() | {entry.event for entry in pack.outcome.entries} | {HOT_ISSUE_OPENED}
    readers = READERS | pack.units.keys()
    return [
        *_unknown_names((f"{file}: event of the letter {rule.letter}", rule.event, events) for rule in rules),
        *_unknown_names((f"{file}: readers of {rule.event}", name, readers) for rule in rules for name in rule.readers),
    ]


def _unknown_names(references: Iterable[Reference]) -> list[str]:
    return [
        f"{place}: there is no {name!r}: {suggest(name, known)}"
        for place, name, known in references
        if name not in known
    ]


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


def _references(pack: Pack) -> Iterator[Reference]:
    """Return every name in the files of a pack that has to exist somewhere else."""
    yield from _header_references(pack)
    yield from _type_references(pack)
    yield from _limit_references(pack)
    yield from _outcome_references(pack)
    yield from _routing_references(pack)
    yield from pack_check.references(pack)
    yield from _condition_references(pack)


def _header_references(pack: Pack) -> Iterator[Reference]:
    units = pack.units.keys()
    yield "pack.toml: centre", pack.header.centre, units
    yield "pack.toml: supervisor", pack.header.supervisor, units
    yield "calendars", "elapsed", pack.calendars.keys()
    for unit in pack.units.values():
        if unit.parent is not None:
            yield f"units.toml: parent of {unit.code}", unit.parent, units


def _type_references(pack: Pack) -> Iterator[Reference]:
    groups = {group.code for group in pack.types.groups}
    for business in pack.types.business:
        yield f"types.toml: group of {business.code}", business.group, groups
    for problem in pack.types.problem:
        for code in problem.groups:
            yield f"types.toml: groups of {problem.code}", code, groups


def _limit_references(pack: Pack) -> Iterator[Reference]:
    calendars, entries = pack.calendars.keys(), {entry.kind for entry in pack.outcome.entries} | {ASSISTANCE}
    for clock in pack.limits.clocks:
        yield f"limits.toml: anchor of {clock.name}", clock.anchor, ANCHORS | entries
        for name in (*clock.after, *clock.until, *clock.until_all):
            yield f"limits.toml: what begins or ends {clock.name}", name, FACTS | entries
        yield f"limits.toml: calendar of {clock.name}", clock.calendar, calendars
        for row in clock.limits:
            yield f"limits.toml: calendar of {clock.name}/{row.name}", row.calendar or clock.calendar, calendars
        for reader in (*clock.breach.notifies, *(name for warning in clock.warnings for name in warning.notifies)):
            yield f"limits.toml: notifies of {clock.name}", reader, READERS | pack.units.keys()


def _outcome_references(pack: Pack) -> Iterator[Reference]:
    outcome, units = pack.outcome, pack.units.keys()
    requirements = {*OUTCOME_PARTS, CALLBACK, *(entry.kind for entry in outcome.entries)}
    for need in (*outcome.closing.needs, *(name for extra in outcome.closing.also for name in extra.needs)):
        yield "outcome.toml: closing needs", need, requirements
    for entry in outcome.entries:
        for code in entry.by:
            yield f"outcome.toml: who may write {entry.kind}", code, units
        for code in entry.validities:
            yield f"outcome.toml: validities of {entry.kind}", code, frozenset(pack.routing.validities)
    if outcome.callback.holidays is not None:
        yield "outcome.toml: holidays of callback", outcome.callback.holidays, pack.calendars.keys()
    for level in outcome.rejection.levels:
        yield "outcome.toml: rejection levels", level, units
    for bar in outcome.appeal_bars:
        yield f"outcome.toml: calendar of appeal_bar {bar.name}", bar.calendar, pack.calendars.keys()


def _routing_references(pack: Pack) -> Iterator[Reference]:
    routing, units = pack.routing, pack.units.keys()
    for department in routing.departments:
        yield f"routing.toml: {department.name}", department.unit, units
    for centre in routing.centres:
        yield f"routing.toml: {centre.name}", centre.unit, units
    for alert in routing.alerts:
        for code in alert.units:
            yield f"routing.toml: {alert.name}", code, units
    for code in (*routing.kinds, *pack.tiers):
        yield "routing.toml: titles", code, routing.titles.keys()
    for kind in routing.kind:
        yield "routing.toml: kind", kind.kind, set(routing.kinds)
    for validity in routing.validity:
        yield "routing.toml: validity", validity.validity, set(routing.validities)


def _condition_references(pack: Pack) -> Iterator[Reference]:
    known: Mapping[str, AbstractSet[str]] = {
        "business": {business.code for business in pack.types.business},
        "group": {group.code for group in pack.types.groups},
        "problem": pack.problems,
        "tier": pack.tiers,
        "kind": set(pack.routing.kinds),
        "unit": pack.units.keys(),
        "origin": set(pack.routing.origins),
        "validity": set(pack.routing.validities),
    }
    conditions = [(place, rule, when) for place, rules in _tables(pack) for rule, when in rules]
    # Those of authority.toml and of the scripts are in both.
    for place, rule, when in dict.fromkeys((*conditions, *pack_check.conditions(pack))):
        for condition, names in known.items():
            for code in getattr(when, condition):
                yield f"{place}: {rule}", code, names


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
    for name in LIST_CONDITIONS:
        allowed, wanted = set(getattr(wide, name)), set(getattr(narrow, name))
        if allowed and not (wanted and wanted <= allowed):
            return False
    return all(getattr(wide, name) in {None, getattr(narrow, name)} for name in SINGLE_CONDITIONS)
