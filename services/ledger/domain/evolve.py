"""Folding: a ticket is what its events make of it (promise 3)."""

from collections.abc import Iterable, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from schemas.base import field_names
from schemas.event import TicketChange, TicketEvent
from schemas.ticket import SlaTimer, Ticket
from schemas.unknown_fields import UnknownFields, convert
from services.ledger.domain.bounded_ticket import bounded_clocks, bounded_lists

FROM_JSON = (str, list, dict)
"""Types of a value that comes from JSON and may have to become something else."""
PLAIN = (str, int, bool)


def _is_plain(annotation: Any) -> bool:
    """Whether a value of a type is in JSON what it is here."""
    if get_origin(annotation) is Annotated:
        return _is_plain(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        return all(_is_plain(each) for each in get_args(annotation))
    return annotation in PLAIN or annotation is NoneType


_FIELDS: dict[str, Any] = {each.name: each.type for each in msgspec.structs.fields(Ticket) if not _is_plain(each.type)}
_NAMES = frozenset(field_names(Ticket))


def merge(clocks: tuple[SlaTimer, ...], changed: Sequence[SlaTimer]) -> tuple[SlaTimer, ...]:
    """Put changed clocks in the place of those with the same key; new ones go to the end."""
    if not changed:
        return clocks
    new = {each.key: each for each in changed}
    # Called twice for every event of every ticket: a list is made faster than a generator is run.
    kept = [new.pop(timer.key, timer) for timer in clocks]
    return (*kept, *new.values())


def evolve(ticket: Ticket | None, event: TicketChange) -> Ticket:
    """Return the ticket after an event. Works on an event that comes from JSON as on one just made.

    Raises:
        ValueError: the event does not follow the ticket's last one.

    """
    expected = 1 if ticket is None else ticket.version + 1
    if event.version != expected:
        raise ValueError(f"event {event.version} of ticket {event.ticket_id} cannot follow: {expected} is next")
    changes = {
        name: convert(value, _FIELDS[name]) if type(value) in FROM_JSON and name in _FIELDS else value
        for name, value in event.changes.items()
    }
    if not changes.keys() <= _NAMES:
        changes = _with_unknown_fields(ticket, changes)
    changes |= bounded_lists(ticket, changes)
    if ticket is None or event.clocks:
        clocks = event.clocks if ticket is None else merge(ticket.clocks, event.clocks)
        changes |= bounded_clocks(ticket, clocks)
    changes["version"] = event.version
    changes["updated_at"] = event.at
    return Ticket(**changes) if ticket is None else ticket.replace(**changes)


def _with_unknown_fields(ticket: Ticket | None, changes: dict[str, Any]) -> dict[str, Any]:
    """Keep the fields that a newer version has changed, and this one does not know, as the ticket keeps them."""
    newer = UnknownFields({name: value for name, value in changes.items() if name not in _NAMES})
    known = ticket.unknown_fields if ticket is not None else msgspec.UNSET
    kept = newer if isinstance(known, msgspec.UnsetType) else known.merged(newer)
    return {name: value for name, value in changes.items() if name in _NAMES} | {"unknown_fields": kept}


def fold(changes: Iterable[TicketChange]) -> list[TicketEvent]:
    """Return a ticket's events, each with the ticket after it, from all its changes in order.

    Raises:
        ValueError: one of them does not follow the one before.

    """
    events: list[TicketEvent] = []
    ticket: Ticket | None = None
    for change in changes:
        ticket = evolve(ticket, change)
        events.append(TicketEvent.of(change, ticket))
    return events
