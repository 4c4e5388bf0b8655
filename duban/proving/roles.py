"""Units that no rule of a pack tells apart are one role; a proof looks at one unit of each (DECISIONS 34). Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from services.domain.authority.judge import SUPERVISING
from services.domain.policy.clocks import ClockRule
from services.domain.policy.conditions import When
from services.domain.policy.pack import Pack

ASKING = frozenset({"surveyed", "asking_ended"})
"""Facts that come only of asking the customer."""
Behaviour = tuple[object, ...]


@dataclass(frozen=True)
class Roles:
    """The roles of a pack's units.

    Attributes:
        pack: the policy pack.

    """

    pack: Pack

    @cached_property
    def of(self) -> Mapping[str, str]:
        """The role of each unit: the code of the first unit that behaves as it does."""
        first: dict[Behaviour, str] = {}
        return {code: first.setdefault(self._behaviour(code), code) for code in self.pack.units}

    @cached_property
    def all(self) -> tuple[str, ...]:
        """One unit of each role, in the pack's order."""
        return tuple(dict.fromkeys(self.of.values()))

    @cached_property
    def distinct_to_clocks(self) -> tuple[str, ...]:
        """One unit of each sort that the states of clocks tell apart; where a ticket is sent to, seen by its clocks."""
        centre, first = self.pack.header.centre, dict[Behaviour, str]()
        clocks = self.pack.limits.clocks
        by_kind = any(clock.while_.holder_kind for clock in clocks)
        for unit in sorted(self.all, key=lambda unit: unit == centre):
            named = tuple((unit in clock.while_.holder, unit in clock.while_.chain) for clock in clocks)
            first.setdefault((named, self.pack.kinds[unit] if by_kind else None), unit)
        return tuple(first.values())

    def role(self, unit: str | None) -> str | None:
        """Return the role of a unit; of one that the pack does not have, its code."""
        return self.of.get(unit, unit) if unit is not None else None

    def _behaviour(self, code: str) -> Behaviour:
        """Return everything by which the rules tell a unit from another."""
        unit = self.pack.units[code]
        powerful = frozenset(
            above
            for above in self.pack.above(code)
            if self.pack.kinds[above] in SUPERVISING or self.pack.units[above].answers_customer
        )
        named = tuple(code in units for units in self._naming)
        return (unit.kind, unit.answers_customer, powerful, named)

    @cached_property
    def _naming(self) -> tuple[frozenset[str], ...]:
        """The lists of units in the rules; two units that stand in the same ones are of one role."""
        return tuple(dict.fromkeys(frozenset(each) for each in self._lists()))

    def _lists(self) -> Iterator[tuple[str, ...]]:
        pack = self.pack
        yield from ((centre,) for centre in sorted(pack.centres))
        yield (pack.header.supervisor,)
        for clock in pack.limits.clocks:
            yield clock.while_.holder
            yield clock.while_.chain
        yield from (when.unit for when in conditions(pack))
        yield from (rule.units for rule in pack.authority.rules)
        yield from ((level,) for level in pack.outcome.rejection.levels)
        needed = needs(pack)
        yield from (rule.by for rule in pack.outcome.entries if rule.kind in needed)


def conditions(pack: Pack) -> Iterator[When]:
    """Yield every condition on which the future of an open ticket depends: of clocks, closing and authority."""
    for clock in pack.limits.clocks:
        yield from conditions_of(clock, pack)
    yield from (each.when for each in pack.outcome.closing.also)
    yield from (rule.when for rule in pack.authority.rules)


def conditions_of(clock: ClockRule, pack: Pack) -> Iterator[When]:
    """Yield the conditions of a clock; of one that ends with the customer's reply, also who is never asked."""
    yield clock.when
    if clock.unless is not None:
        yield clock.unless
    if pack.outcome.callback.never_for and ASKING.intersection(clock.until):
        yield When(validity=pack.outcome.callback.never_for)


def closing_needs(pack: Pack) -> frozenset[str]:
    """Return what closing may need: parts of the outcome, the callback, kinds of entries."""
    closing = pack.outcome.closing
    return frozenset({*closing.needs, *(name for each in closing.also for name in each.needs)})


def needs(pack: Pack) -> frozenset[str]:
    """Return what closing may need, and the entries that begin or end a clock."""
    return closing_needs(pack) | ending_entries(pack)


def ending_entries(pack: Pack) -> frozenset[str]:
    """Return the kinds of entries that begin or end a clock, or from which one counts."""
    named = {
        name for clock in pack.limits.clocks for name in (*clock.after, *clock.until, *clock.until_all, clock.anchor)
    }
    return frozenset(named & pack.entries.keys())
