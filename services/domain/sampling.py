"""Stratified, reproducible samples of tickets for satisfaction studies by a third party (R5.4). Pure."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from schemas.ticket import Ticket

Stratum = TypeVar("Stratum", bound=Hashable)

STRATIFIERS: dict[str, Callable[[Ticket], str | None]] = {
    "region": lambda ticket: ticket.customer.city or ticket.customer.visiting_region or ticket.customer.home_region,
    "business_type": lambda ticket: ticket.classification.business_type,
    "problem_type": lambda ticket: ticket.classification.problem_type,
    "tier": lambda ticket: ticket.classification.tier,
    "channel": lambda ticket: ticket.channel,
    "unit": lambda ticket: ticket.handled_by or ticket.unit,
    "level": lambda ticket: ticket.customer.level,
}
"""What a sample can be stratified by: the name that `duban survey` takes, and the value of a ticket."""


def draw_sample(tickets: Iterable[Ticket], size: int, by: Iterable[str], seed: str) -> list[Ticket]:
    """Return a sample in which each stratum has its proportional share, ordered by ticket number.

    Seats are allocated by largest remainder, so no stratum is more than one off its exact share. Within a stratum a
    hash of seed and ticket id decides, so the result depends neither on the order of the tickets nor on a random
    generator of some library.

    Args:
        tickets: the population.
        size: of the sample; all tickets are returned if there are fewer.
        by: names of STRATIFIERS.
        seed: any text; the same seed draws the same sample.

    """
    stratifiers = [STRATIFIERS[name] for name in by]
    strata: dict[tuple[str | None, ...], list[Ticket]] = defaultdict(list)
    for ticket in tickets:
        strata[tuple(stratifier(ticket) for stratifier in stratifiers)].append(ticket)
    seats = allocate_seats({stratum: len(members) for stratum, members in strata.items()}, size)
    sample: list[Ticket] = []
    for stratum, members in strata.items():
        sample += sorted(members, key=lambda ticket: _rank(seed, ticket))[: seats[stratum]]
    return sorted(sample, key=lambda ticket: ticket.number)


def allocate_seats(counts: dict[Stratum, int], size: int) -> dict[Stratum, int]:
    """Return how many members of a sample each stratum gets, by largest remainder."""
    total = sum(counts.values())
    if size >= total:
        return dict(counts)
    exact = {stratum: count * size / total for stratum, count in counts.items()}
    seats = {stratum: int(share) for stratum, share in exact.items()}
    remaining = size - sum(seats.values())
    for stratum in sorted(exact, key=lambda key: (seats[key] - exact[key], str(key)))[:remaining]:
        seats[stratum] += 1
    return seats


def _rank(seed: str, ticket: Ticket) -> bytes:
    return hashlib.sha256(f"{seed}/{ticket.id}".encode()).digest()
