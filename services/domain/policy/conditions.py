"""Conditions of policy rules (`when = {...}`) and the facts about a ticket that they are compared with. Pure."""

from datetime import timedelta
from functools import cached_property

from msgspec import Struct

from services.domain.policy.base import Code, ElapsedLength, PolicyPart


class Facts(Struct, frozen=True):
    """What the conditions of rules look at."""

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
"""Conditions that are no comparison with one fact."""


class When(PolicyPart):
    """Conditions of a rule; all that are given must hold, each list is one-of."""

    tier: tuple[Code, ...] = ()
    kind: tuple[Code, ...] = ()
    business: tuple[Code, ...] = ()
    group: tuple[Code, ...] = ()
    problem: tuple[Code, ...] = ()
    channel: tuple[Code, ...] = ()
    origin: tuple[Code, ...] = ()
    validity: tuple[Code, ...] = ()
    unit: tuple[Code, ...] = ()
    """Who holds the ticket."""
    signal: tuple[Code, ...] = ()
    """Any of these signals was raised."""
    vip: bool | None = None
    roaming: bool | None = None
    """The customer is outside the home region and says so."""
    settled: bool | None = None
    """The accepting channel has answered on the spot."""
    needs_headquarters: bool | None = None
    late: bool | None = None
    """A promise to the customer was exceeded."""
    founded: bool | None = None
    """Somebody judged that reason and demand hold, or that they do not."""
    liability: tuple[Code, ...] = ()
    has_evidence: bool | None = None
    """A photo, a scan or a recording came with the contact."""
    older_than: ElapsedLength | None = None
    """The matter is that much older than the contact; holds only where it is known when it occurred."""

    def holds(self, facts: Facts) -> bool:
        """Whether the rule applies."""
        for name, wanted in self._wanted:
            if getattr(facts, name) not in wanted:
                return False
        if self.signal and facts.signals.isdisjoint(self.signal):
            return False
        return self.older_than is None or (facts.age is not None and facts.age > self.older_than.length)

    @cached_property
    def _wanted(self) -> tuple[tuple[str, frozenset[object]], ...]:
        """What is looked at, and what it has to be one of."""
        given = ((name, getattr(self, name)) for name in type(self).model_fields if name not in SPECIAL)
        return tuple(
            (name, frozenset(told) if isinstance(told, tuple) else frozenset({told}))
            for name, told in given
            if told not in ((), None)
        )
