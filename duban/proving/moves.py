"""What can happen to a ticket next: acts of those who may take them, and time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args
from uuid import UUID

from duban.proving.findings import Finding
from duban.simulated_actor import simulated_actor
from schemas.action import Tick
from schemas.command import Action, Actor, Command
from schemas.ticket import Ticket
from services.domain.authority.judge import judge
from services.domain.authority.table import GRANTS
from services.domain.policy.pack import Pack

Lack = Literal["key", "unit", "pack", "proof", "right"]
"""A key at all, the name of a unit, a key for the pack, the proof of a customer, the right of a service."""


@dataclass(frozen=True, slots=True)
class Act:
    """One action, and who takes it.

    Attributes:
        action: what is done.
        unit: for which somebody acts; None: the customer, or the service that takes such actions.
        level: of the key's authority to compensate.
        person: who acts for the unit, where the pack names persons for the action.
        lacks: what the sender lacks; None for whoever has what it takes.

    """

    action: Action
    unit: str | None = None
    level: str | None = None
    person: str | None = None
    lacks: Lack | None = None

    def command(self, ticket: Ticket, number: int) -> Command:
        """Return the command of the act, one minute of business time or more after the ticket's last event."""
        actor, authority = simulated_actor(self.action, ticket.policy.pack, self.unit, self.person, self.level)
        if self.lacks == "key":
            authority = None
        elif self.lacks == "unit":
            actor = actor.replace(unit=None)
        elif self.lacks == "pack" and authority is not None:
            authority = authority.replace(packs=("another",))
        elif self.lacks == "proof":
            actor, authority = Actor(kind="customer", name="customer"), None
        elif self.lacks == "right":
            actor, authority = Actor(kind="service", name="another"), None
        return Command(
            id=UUID(int=number),
            ticket_id=ticket.id,
            at=ticket.updated_at,
            actor=actor,
            policy=ticket.policy.pack,
            action=self.action,
            authority=authority,
        )


@dataclass(frozen=True, slots=True)
class Move:
    """One edge of the search.

    Attributes:
        acts: one after the other; several where only all together lead somewhere, as the record that closing needs.
        clock: whose next threshold comes; None for acts.
        unit: the assisting unit whose own clock it is.
        until: name of the threshold up to which the clock runs on.
        forbidden: what is found if it changes anything; None for what is allowed.
        former: whether the ticket has a clock of a former version before, which the pack has under no name any more.

    """

    acts: tuple[Act, ...]
    clock: str | None = None
    unit: str | None = None
    until: str = ""
    forbidden: Finding | None = None
    former: bool = False

    @classmethod
    def of(cls, act: Act, *more: Act) -> "Move":
        """Return the move of one act or of several."""
        return cls((act, *more))

    @property
    def name(self) -> str:
        """What it is called in a report."""
        if self.clock is not None:
            return f"{self.until} of {self.clock}"
        return ", ".join(act.action.type for act in self.acts)


TICK = (Act(Tick()),)


@dataclass
class Actors:
    """Finds who may take an action on a ticket.

    Attributes:
        pack: the policy pack.
        units: one of each role.

    """

    pack: Pack
    units: tuple[str, ...]

    def act(self, action: Action, ticket: Ticket, level: str | None = None) -> Act | None:
        """Return the act of the first who may take an action; None if nobody may."""
        return next(self.acts(action, ticket, level), None)

    def acts(self, action: Action, ticket: Ticket, level: str | None = None) -> Iterator[Act]:
        """Yield the acts of all who may take an action: the ticket's own units before others, the customer last."""
        for unit, person in self._candidates(action, ticket):
            act = Act(action, unit, level, person)
            if judge(ticket, act.command(ticket, 0), self.pack).code is None:
                yield act

    def outsiders(self, action: Action, ticket: Ticket, level: str | None = None) -> Iterator[Act]:
        """Yield the acts of all who may not take an action, as the table says."""
        for unit, person in self._candidates(action, ticket):
            act = Act(action, unit, level, person)
            if judge(ticket, act.command(ticket, 0), self.pack).code is not None:
                yield act
        allowed = self.act(action, ticket, level)
        if allowed is not None and allowed.unit is not None:
            yield from (replace(allowed, lacks=lacks) for lacks in get_args(Lack))

    def _candidates(self, action: Action, ticket: Ticket) -> Iterator[tuple[str | None, str | None]]:
        if GRANTS[type(action)].who:
            own = (ticket.unit, ticket.centre, *reversed(ticket.dispatched_by), *ticket.assisting)
            yield from ((unit, None) for unit in dict.fromkeys((*own, *self.units)) if unit is not None)
            yield from self._persons.get(action.type, ())
        yield None, None

    @cached_property
    def _persons(self) -> Mapping[str, list[tuple[str, str]]]:
        """The persons whom the pack names for an action, each with the unit for which he acts."""
        known, found = self.pack.persons, dict[str, list[tuple[str, str]]]()
        for action, rules in self.pack.authority.by_action.items():
            names = [name for rule in rules for name in rule.persons if name in known]
            found[action] = [(known[name].units[0], name) for name in names]
        return found
