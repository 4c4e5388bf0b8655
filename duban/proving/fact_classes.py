"""Tells tickets apart as far as conditions of a pack do: the classes are derived from the conditions. Pure."""

from collections.abc import Hashable, Iterable, Iterator
from functools import cached_property

from services.domain.policy.conditions import Facts, When
from services.domain.policy.pack import Pack

FIELDS = (
    *("kind", "tier", "business", "group", "problem", "channel", "origin", "validity", "unit"),
    *("vip", "settled", "late", "founded", "liability", "signals"),
)
"""Facts of a ticket that conditions may name."""


class FactClasses:
    """Classes of facts under some conditions: two facts are of one class if no change makes the conditions differ.

    A fact counts only where a condition asks for it that is about the ticket's kind, so that what does not matter to a
    ticket does not multiply its states. A reclassification, which may change the kind, gives all of them anew.
    """

    def __init__(self, conditions: Iterable[When]) -> None:
        self._conditions = tuple(dict.fromkeys(when for when in conditions if when != When()))
        self._known: dict[Facts, Hashable] = {}

    @cached_property
    def names(self) -> frozenset[str]:
        """The facts that the conditions name."""
        return frozenset(name for when in self._conditions for name in when.looks_at)

    def of(self, facts: Facts) -> Hashable:
        """Return the class of some facts."""
        found = self._known.get(facts)
        if found is None:
            possible = [when for when in self._conditions if not when.kind or facts.kind in when.kind]
            found = tuple(
                accepted for name in FIELDS if (accepted := tuple(_accepted(possible, name, facts))) or name == "kind"
            )
            if "kind" in self.names:
                found = (tuple(facts.kind in when.kind for when in self._conditions if when.kind), *found)
            self._known[facts] = found
        return found


def _accepted(conditions: Iterable[When], name: str, facts: Facts) -> Iterator[bool]:
    """Yield, for each condition that names a fact, whether it accepts the fact as it is."""
    for when in conditions:
        if name not in when.looks_at or name == "kind":
            continue
        if name == "signals":
            yield not facts.signals.isdisjoint(when.signal)
            continue
        accepted = getattr(when, name)
        value = getattr(facts, name)
        yield value in accepted if isinstance(accepted, tuple) else value == accepted


def rows(pack: Pack, facts: Facts) -> tuple[int | None, ...]:
    """Return which row of each clock's table counts for some facts; None where none does."""
    return tuple(
        next((number for number, row in enumerate(clock.limits) if row.when.holds(facts)), None)
        for clock in pack.limits.clocks
    )
