"""Conditions of policy rules (`when = {...}`), and the facts about a ticket that they are evaluated on. Pure."""

from datetime import timedelta
from functools import cached_property

from msgspec import Struct

from services.domain.policy.base import Code, ElapsedLength, PolicyPart


class Facts(Struct, frozen=True):
    """The facts about a contact or a ticket that conditions are evaluated on."""

    kind: str
    channel: str
    vip: bool
    tier: str | None = None
    business: str | None = None
    group: str | None = None
    problem: str | None = None
    origin: str | None = None
    validity: str = "valid"
    signals: frozenset[str] = frozenset()
    unit: str | None = None
    roaming: bool = False
    settled: bool = False
    needs_headquarters: bool = False
    late: bool = False
    founded: bool | None = None
    liability: str | None = None
    has_evidence: bool = False
    age: timedelta | None = None


SPECIAL = frozenset({"signal", "older_than"})
"""Conditions that are not a comparison with the fact of the same name."""


class When(PolicyPart):
    """The conditions of a rule: all that are given must hold; a list holds if it contains the fact."""

    tier: tuple[Code, ...] = ()
    kind: tuple[Code, ...] = ()
    business: tuple[Code, ...] = ()
    group: tuple[Code, ...] = ()
    problem: tuple[Code, ...] = ()
    channel: tuple[Code, ...] = ()
    origin: tuple[Code, ...] = ()
    validity: tuple[Code, ...] = ()
    unit: tuple[Code, ...] = ()
    """The unit that holds the ticket."""
    signal: tuple[Code, ...] = ()
    """Any of these signals was raised."""
    vip: bool | None = None
    roaming: bool | None = None
    """The customer is outside the home region."""
    settled: bool | None = None
    """The accepting channel answered on the spot."""
    needs_headquarters: bool | None = None
    late: bool | None = None
    """A promise to the customer was broken."""
    founded: bool | None = None
    """The complaint was assessed as justified, or as unjustified."""
    liability: tuple[Code, ...] = ()
    has_evidence: bool | None = None
    """A photo, a scan or a recording came with the contact."""
    older_than: ElapsedLength | None = None
    """The matter occurred longer than this before the contact; holds only if that time is known."""

    def holds(self, facts: Facts) -> bool:
        """Return whether all conditions hold for some facts."""
        for name, accepted in self._accepted:
            if getattr(facts, name) not in accepted:
                return False
        if self.signal and facts.signals.isdisjoint(self.signal):
            return False
        return self.older_than is None or (facts.age is not None and facts.age > self.older_than.length)

    @cached_property
    def looks_at(self) -> frozenset[str]:
        """The names of the facts on which the conditions depend."""
        special = {"signals": bool(self.signal), "age": self.older_than is not None}
        return frozenset((*(name for name, _ in self._accepted), *(name for name, asked in special.items() if asked)))

    @cached_property
    def _accepted(self) -> tuple[tuple[str, frozenset[object]], ...]:
        """The names of the facts that are compared, each with the values that it may have."""
        given = ((name, getattr(self, name)) for name in type(self).model_fields if name not in SPECIAL)
        return tuple(
            (name, frozenset(value) if isinstance(value, tuple) else frozenset({value}))
            for name, value in given
            if value not in ((), None)
        )
