"""Conditions of policy rules (`when = {...}`), and the facts about a ticket that they are evaluated on. Pure."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Annotated

from msgspec import Struct
from pydantic import Field

from schemas.ticket import Status, Ticket
from services.domain.policy.base import (
    Code,
    ElapsedLength,
    GroupCode,
    KindCode,
    OriginCode,
    PolicyPart,
    TierCode,
    UnitCode,
    ValidityCode,
)
from services.domain.policy.references import Refers, State
from services.domain.policy.units import UnitKind


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
CONTACT_ONLY = frozenset({"roaming", "needs_headquarters", "has_evidence", "older_than"})
"""Conditions about a contact, which is all that routing.toml decides on; no ticket keeps what they ask for."""


class When(PolicyPart, State):
    """The conditions of a rule: all that are given must hold; a list holds if it contains the fact."""

    tier: tuple[TierCode, ...] = ()
    kind: tuple[KindCode, ...] = ()
    business: tuple[Annotated[Code, Refers("business")], ...] = ()
    group: tuple[GroupCode, ...] = ()
    problem: tuple[Annotated[Code, Refers("problem")], ...] = ()
    channel: tuple[Annotated[Code, Refers("channel")], ...] = ()
    origin: tuple[OriginCode, ...] = ()
    validity: tuple[ValidityCode, ...] = ()
    unit: tuple[UnitCode, ...] = ()
    """The unit that holds the ticket."""
    signal: tuple[Annotated[Code, Refers("signal")], ...] = ()
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
    liability: tuple[Annotated[Code, Refers("liability")], ...] = ()
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


class StateRule(PolicyPart, State):
    """`while`: the states of a ticket in which a clock runs; all that is given must hold, each list is one-of."""

    status: Annotated[tuple[Status, ...], Field(min_length=1)]
    holder: tuple[UnitCode, ...] = ()
    """Units that hold the ticket."""
    holder_kind: tuple[UnitKind, ...] = ()
    chain: tuple[UnitCode, ...] = ()
    """Units that hold the ticket or are in the chain of dispatch: feedback will come back to them."""
    claimed: bool | None = None
    """The unit of `chain`, else the holder, has taken the ticket: claimed it, or sent it on."""

    def holds(self, ticket: Ticket, kinds: Mapping[str, UnitKind]) -> bool:
        """Whether the ticket is in such a state.

        Args:
            ticket: as it stands.
            kinds: the kind of each unit of the pack.

        """
        if ticket.status not in self.status:
            return False
        return self._with_any_unit or self._holds_for_unit(ticket, kinds)

    def _holds_for_unit(self, ticket: Ticket, kinds: Mapping[str, UnitKind]) -> bool:
        if self.holder and ticket.unit not in self.holder:
            return False
        if self.holder_kind and kinds.get(ticket.unit or "") not in self.holder_kind:
            return False
        if self.chain and {*ticket.dispatched_by, ticket.unit}.isdisjoint(self.chain):
            return False
        return self.claimed is None or self.claimed == self._taken(ticket)

    @cached_property
    def _with_any_unit(self) -> bool:
        return not (self.holder or self.holder_kind or self.chain) and self.claimed is None

    def _taken(self, ticket: Ticket) -> bool:
        if self.chain and not set(ticket.dispatched_by).isdisjoint(self.chain):
            return True
        return ticket.status is not Status.DISPATCHED
