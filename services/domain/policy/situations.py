"""The tickets that the clocks of a pack tell apart: by kind, tier, type and what else conditions look at. Pure."""

from collections.abc import Iterator, Sequence
from itertools import product

from msgspec.structs import replace

from services.domain.policy.clocks import ClockRule
from services.domain.policy.conditions import Facts, When
from services.domain.policy.pack import Pack

TYPES = ("business", "group", "problem")
SHOWN = 6
"""Names of types that a description lists."""
Types = tuple[str | None, str | None, str | None]
"""Business type, group and problem type of a ticket, as far as they are known."""


def situations(pack: Pack) -> Iterator[Facts]:
    """Yield the tickets that the clocks of a pack tell apart: by kind, tier, type and what else they look at."""
    asked = {name for clock in pack.limits.clocks for name in _looked_at(clock)}
    others = [[(name, value) for value in _values(pack, name)] for name in sorted(asked - {"kind", "tier", *TYPES})]
    for kind, tier in product(pack.routing.kinds, sorted(pack.tiers)):
        for types in _types(pack, kind, asked):
            business, group, problem = types
            facts = Facts(kind=kind, channel="", vip=False, tier=tier, business=business, group=group, problem=problem)
            for chosen in product(*others):
                yield replace(facts, **dict(chosen))


def _looked_at(clock: ClockRule) -> Iterator[str]:
    for when in _conditions(clock):
        yield from when.looks_at


def _conditions(clock: ClockRule) -> Iterator[When]:
    yield clock.when
    if clock.unless is not None:
        yield clock.unless
    yield from (row.when for row in clock.limits)


def _values(pack: Pack, name: str) -> list[object]:
    """Return the values of a fact that conditions of clocks name, and one that none of them names."""
    field = "signal" if name == "signals" else name
    named: set[object] = set()
    for clock in pack.limits.clocks:
        for when in _conditions(clock):
            value = getattr(when, field, None)
            named |= set(value) if isinstance(value, tuple) else {value} - {None}
    if name == "signals":
        return [frozenset(), *(frozenset({each}) for each in sorted(map(str, named)))]
    if named <= {True, False}:
        return [False, True]
    other = pack.routing.validities[0] if name == "validity" else ""
    return [other, *sorted((each for each in named if each != other), key=str)]


def _types(pack: Pack, kind: str, asked: set[str]) -> list[Types]:
    """Return the types that a ticket of a kind may have, as far as clocks tell them apart."""
    whole: list[Types] = [
        (business.code, business.group, problem)
        for business in sorted(pack.business_of(kind), key=lambda each: each.code)
        for problem in (None, *sorted(each.code for each in pack.problems_of(business.group)))
    ]
    by_business, by_group, by_problem = (name in asked for name in TYPES)
    seen: list[Types] = [
        (business if by_business else None, group if by_group else None, problem if by_problem else None)
        for business, group, problem in whole
    ]
    nothing: Types = (None, None, None)
    return list(dict.fromkeys([nothing, *seen]))


def concerns(clock: ClockRule, facts: Facts) -> bool:
    """Whether a ticket may have a clock, by the clock's conditions."""
    return clock.when.holds(facts) and (clock.unless is None or not clock.unless.holds(facts))


def described(pack: Pack, facts: Sequence[Facts]) -> str:
    """Return the tickets that share a course, as people say it; what is the same for all is left out."""
    everything = list(situations(pack))
    parts = []
    for name in ("kind", "tier", *TYPES, "channel", "origin", "validity", "signals"):
        values = {getattr(each, name) for each in facts}
        if values == {getattr(each, name) for each in everything}:
            continue
        shown = sorted(map(_word, values))
        more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
        parts.append(f"{name} {', '.join(shown[:SHOWN])}{more}")
    return "; ".join(parts) or "every ticket"


def _word(value: object) -> str:
    if isinstance(value, frozenset):
        return "+".join(sorted(map(str, value))) or "none"
    return "none" if value in (None, "") else str(value)
