"""Stratified, reproducible samples of tickets for satisfaction studies by a third party (R5.4). Pure."""

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from operator import itemgetter
from typing import TypeVar
from uuid import UUID

from schemas.ticket import Ticket

Stratum = TypeVar("Stratum", bound=Hashable)
_Candidate = tuple[int, str, UUID]
"""Of a ticket: its negative rank, its number and its id."""

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


@dataclass(frozen=True, slots=True)
class DrawnSample:
    """A sample, and how many tickets it was drawn from.

    Attributes:
        tickets: ids, in the order of the tickets' numbers.
        population: number of tickets it was drawn from.

    """

    tickets: list[UUID]
    population: int


def draw_sample(tickets: Iterable[Ticket], size: int, by: Iterable[str], seed: str) -> DrawnSample:
    """Return a sample in which each stratum has its proportional share.

    The tickets are looked at one by one: of each stratum only those are kept that may be drawn.

    Seats are allocated by largest remainder, so no stratum is more than one off its exact share. Within a stratum a
    hash of seed and ticket id decides, so the result depends neither on the order of the tickets nor on a random
    generator of some library.

    Args:
        tickets: the population.
        size: of the sample; all tickets are drawn if there are fewer.
        by: names of STRATIFIERS.
        seed: any text; the same seed draws the same sample.

    """
    stratifiers = [STRATIFIERS[name] for name in by]
    counts: Counter[tuple[str | None, ...]] = Counter()
    candidates: dict[tuple[str | None, ...], list[_Candidate]] = defaultdict(list)
    for ticket in tickets:
        stratum = tuple(stratifier(ticket) for stratifier in stratifiers)
        counts[stratum] += 1
        candidate = (-_rank(seed, ticket), ticket.number, ticket.id)
        kept = candidates[stratum]
        # A heap whose first item has the highest rank, and goes when a lower one comes.
        (heapq.heappush if len(kept) < size else heapq.heappushpop)(kept, candidate)
    seats = allocate_seats(dict(counts), size)
    drawn = [item for stratum, kept in candidates.items() for item in sorted(kept, reverse=True)[: seats[stratum]]]
    return DrawnSample([id_ for _, _, id_ in sorted(drawn, key=itemgetter(1))], counts.total())


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


def _rank(seed: str, ticket: Ticket) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{ticket.id}".encode()).digest())
