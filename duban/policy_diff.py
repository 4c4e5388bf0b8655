"""Compares two versions of a policy pack: changed values, and what would become of the clocks of open tickets. Pure."""

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from duban.policy_values import cited_values
from schemas.ticket import Ticket
from services.domain.policy.pack import Pack
from services.domain.policy.units import Unit
from services.ledger.domain.deadline_recalculation import effect_of


@dataclass(frozen=True, slots=True)
class MovedDeadline:
    """An open deadline that another version of the policy moves."""

    number: str
    tier: str
    clock: str
    before: datetime
    after: datetime
    rule: str

    @property
    def difference(self) -> timedelta:
        """How much later it is; negative: earlier."""
        return self.after - self.before

    def is_exceeded(self, now: datetime) -> bool:
        """Whether the new deadline would be over at once: it counts as missed, without a warning or a breach."""
        return self.after <= now


@dataclass(slots=True)
class PolicyDiff:
    """What another version would do to the tickets that were added; its size does not grow with their number.

    Attributes:
        pack: the other version.
        now: business time at which it would be applied.
        shown: how many of the moved deadlines are kept, the earliest.
        tickets: open tickets of which a clock would be moved, started or ended.
        closed_tickets: such tickets that are not open: clocks of the callback, or the archive.
        earlier: deadlines that would be earlier.
        later: deadlines that would be later.
        exceeded: deadlines that would be over at once.
        started: clocks that would start, by name.
        ended: clocks that would end, by name.

    """

    pack: Pack
    now: datetime
    shown: int
    tickets: int = 0
    closed_tickets: int = 0
    earlier: int = 0
    later: int = 0
    exceeded: int = 0
    started: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    _earliest: list[tuple[float, int, MovedDeadline]] = field(default_factory=list)

    def add(self, ticket: Ticket) -> None:
        """Compare the clocks of a ticket."""
        effect = effect_of(ticket, self.pack, max(self.now, ticket.updated_at))
        if not (effect.moved or effect.started or effect.ended):
            return
        self.tickets += ticket.open
        self.closed_tickets += not ticket.open
        self.started.update(timer.name for timer in effect.started)
        self.ended.update(timer.name for timer in effect.ended)
        for old, new in effect.moved:
            self._add_deadline(
                MovedDeadline(ticket.number, ticket.classification.tier, old.name, old.due_at, new.due_at, new.rule)
            )

    def _add_deadline(self, deadline: MovedDeadline) -> None:
        self.earlier += deadline.difference < timedelta(0)
        self.later += deadline.difference >= timedelta(0)
        self.exceeded += deadline.is_exceeded(self.now)
        # A heap whose first item is the latest of the earliest; the count keeps equal times in order.
        item = (-deadline.after.timestamp(), -(self.earlier + self.later), deadline)
        if len(self._earliest) < self.shown:
            heapq.heappush(self._earliest, item)
        else:
            heapq.heappushpop(self._earliest, item)

    @property
    def deadlines(self) -> list[MovedDeadline]:
        """The earliest of the moved deadlines, in order."""
        return [deadline for _, _, deadline in sorted(self._earliest, reverse=True)]


def changed_values(old: Pack, new: Pack) -> Iterator[str]:
    """Return a line for each value that only one of the versions has: - for the old one, + for the new one."""
    before, after = _lines(old), _lines(new)
    yield from (f"- {line}" for line in before if line not in after)
    yield from (f"+ {line}" for line in after if line not in before)
    names = sorted(
        name for name in {*old.calendars, *new.calendars} if old.calendars.get(name) != new.calendars.get(name)
    )
    if names:
        yield f"~ calendars: {', '.join(names)}"
    for code in sorted({*old.units, *new.units}):
        yield from _changed_unit(code, old.units.get(code), new.units.get(code))


def _changed_unit(code: str, old: Unit | None, new: Unit | None) -> Iterator[str]:
    """Return a line about a unit that came, went or changed; who is responsible in it is named (R7.5)."""
    if old is None or new is None:
        yield f"{'-' if new is None else '+'} unit {code}"
    elif old != new:
        before, after = dict(old), dict(new)
        changes = (f"{name} {before[name]} -> {after[name]}" for name in before if before[name] != after[name])
        yield f"~ unit {code}: {', '.join(changes)}"


def _lines(pack: Pack) -> dict[str, None]:
    return dict.fromkeys(f"{path}: {value}  [{source}]" for path, value, source in cited_values(pack))


def changes_archive(old: Pack, new: Pack) -> bool:
    """Whether another version changes when tickets are archived; if not, those that wait for it stay as they are."""
    return _archives(old) != _archives(new)


def _archives(pack: Pack) -> list[object]:
    rules = [rule for rule in pack.limits.clocks if rule.breach.does == "archive"]
    names = {rule.calendar for rule in rules} | {limit.calendar for rule in rules for limit in rule.limits}
    return [rules, {name: pack.calendars.get(name or "") for name in names}]
