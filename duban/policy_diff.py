"""Compares two versions of a policy pack: changed values, and the open deadlines that would move. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from duban.policy_values import cited_values
from schemas.ticket import Ticket
from services.domain.policy.pack import Pack
from services.ledger.domain.deadline_recalculation import moved


@dataclass(frozen=True, slots=True)
class MovedDeadline:
    """An open deadline that another version of the policy moves."""

    number: str
    status: str
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
        """Whether the new deadline would be exceeded at once."""
        return self.after <= now


def changed_values(old: Pack, new: Pack) -> Iterator[str]:
    """Return a line for each value that only one of the versions has: - for the old one, + for the new one."""
    before, after = _lines(old), _lines(new)
    yield from (f"- {line}" for line in before if line not in after)
    yield from (f"+ {line}" for line in after if line not in before)
    for title, earlier, later in (("calendars", old.calendars, new.calendars), ("units", old.units, new.units)):
        names = sorted(name for name in {*earlier, *later} if earlier.get(name) != later.get(name))
        if names:
            yield f"~ {title}: {', '.join(names)}"


def _lines(pack: Pack) -> dict[str, None]:
    return dict.fromkeys(f"{path}: {value}  [{source}]" for path, value, source in cited_values(pack))


def moved_deadlines(tickets: Iterable[Ticket], new: Pack, now: datetime) -> Iterator[MovedDeadline]:
    """Return every open deadline that another version of the pack moves, as the ledger would recalculate it now."""
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
