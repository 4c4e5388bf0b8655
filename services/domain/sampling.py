"""Samples for studies by a third party (R5.4): a seed chooses the same tickets always, each stratum its share. Pure."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from schemas.ticket import Ticket

K = TypeVar("K", bound=Hashable)

STRATIFIERS: dict[str, Callable[[Ticket], str | None]] = {
    "region": lambda each: each.customer.city or each.customer.visiting_region or each.customer.home_region,
    "business_type": lambda each: each.classification.business_type,
    "problem_type": lambda each: each.classification.problem_type,
    "tier": lambda each: each.classification.tier,
    "channel": lambda each: each.channel,
    "unit": lambda each: each.handled_by or each.unit,
    "level": lambda each: each.customer.level,
}
"""What a sample can be stratified by."""


def draw_sample(tickets: Iterable[Ticket], size: int, by: Iterable[str], seed: str) -> list[Ticket]:
    """Return a sample in which each stratum has its share, in the order of the ticket numbers.

    The seats are shared by largest remainder, so no stratum is more than one off its exact share; within a stratum, a
    hash of seed and ticket chooses, so neither the order of the tickets nor a library's generator matters.

    Args:
        tickets: the population.
        size: of the sample; all tickets when there are fewer.
        by: names in STRATIFIERS.
        seed: any text.

    """
    keys = tuple(by)
    strata: dict[tuple[str | None, ...], list[Ticket]] = defaultdict(list)
    for each in tickets:
        strata[tuple(STRATIFIERS[key](each) for key in keys)].append(each)
    seats = allocate_seats({key: len(found) for key, found in strata.items()}, size)
    chosen = [
        each for key, found in strata.items() for each in sorted(found, key=lambda one: _draw(seed, one))[: seats[key]]
    ]
    return sorted(chosen, key=lambda each: each.number)


def allocate_seats(counts: dict[K, int], size: int) -> dict[K, int]:
    """Return how many of a sample belong to each stratum."""
    whole = sum(counts.values())
    if size >= whole:
        return dict(counts)
    exact = {key: count * size / whole for key, count in counts.items()}
    seats = {key: int(share) for key, share in exact.items()}
    left = size - sum(seats.values())
    for key in sorted(exact, key=lambda each: (seats[each] - exact[each], str(each)))[:left]:
        seats[key] += 1
    return seats


def _draw(seed: str, ticket: Ticket) -> bytes:
    return hashlib.sha256(f"{seed}/{ticket.id}".encode()).digest()
