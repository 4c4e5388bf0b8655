"""Changing a policy: what another version of a pack says differently, and what it would move. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from duban.policy_values import values
from schemas.ticket import Ticket
from services.domain.policy.pack import Pack
from services.ledger.domain.deadline_recalculation import moved


@dataclass(frozen=True, slots=True)
class MovedDeadline:
    """One open deadline that another version moves."""

    number: str
    status: str
    tier: str
    clock: str
    before: datetime
    after: datetime
    rule: str

    @property
    def by(self) -> timedelta:
        """How much later; below zero: sooner."""
        return self.after - self.before

    def over(self, now: datetime) -> bool:
        """Whether the deadline would be over at once."""
        return self.after <= now


def changed_values(old: Pack, new: Pack) -> Iterator[str]:
    """Return a line for each value that one version has and the other has not."""
    before, after = _lines(old), _lines(new)
    yield from (f"- {line}" for line in before if line not in after)
    yield from (f"+ {line}" for line in after if line not in before)
    for title, ours, theirs in (("calendars", old.calendars, new.calendars), ("units", old.units, new.units)):
        names = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
        if names:
            yield f"~ {title}: {', '.join(names)}"


def _lines(pack: Pack) -> dict[str, None]:
    return dict.fromkeys(f"{where}: {value}  [{source}]" for where, value, source in values(pack))


def deadlines(tickets: Iterable[Ticket], new: Pack, now: datetime) -> Iterator[MovedDeadline]:
    """Return every open deadline that another version of the pack moves, as the ledger would move it now."""
    for ticket in tickets:
        for old, after in moved(ticket, new, max(now, ticket.updated_at)):
            yield MovedDeadline(
                number=ticket.number,
                status=ticket.status.value,
                tier=ticket.classification.tier,
                clock=old.name,
                before=old.due_at,
                after=after.due_at,
                rule=after.rule,
            )
