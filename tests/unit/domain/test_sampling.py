"""Stratified samples: reproducible, and each stratum with its share."""

import hashlib
from uuid import uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ticket import Ticket
from services.domain import sampling
from tests.builders import TicketScenario

BASE = TicketScenario.opened().current


def population(*counts: int) -> list[Ticket]:
    return [
        BASE.replace(
            id=uuid5(BASE.id, f"{city}/{number}"),
            number=f"TS{city}{number:04d}",
            customer=BASE.customer.replace(city=f"city{city}"),
        )
        for city, count in enumerate(counts)
        for number in range(count)
    ]


@pytest.mark.requirement("R5.4")
def test_the_same_seed_draws_the_same_tickets_in_whatever_order_they_come() -> None:
    found = population(30, 50, 20)
    drawn = sampling.draw_sample(found, 10, ["region"], "2026-03")
    assert drawn == sampling.draw_sample(reversed(found), 10, ["region"], "2026-03")
    assert drawn != sampling.draw_sample(found, 10, ["region"], "2026-04")
    assert drawn.population == 100
    cities = {ticket.id: ticket.customer.city for ticket in found}
    assert [sum(cities[id_] == f"city{city}" for id_ in drawn.tickets) for city in range(3)] == [3, 5, 2]
    assert drawn.tickets == [ticket.id for ticket in found if ticket.id in drawn.tickets], "by number"


@pytest.mark.requirement("R5.4")
def test_what_is_drawn_is_what_the_hash_of_seed_and_id_says() -> None:
    """A sample that was drawn before is drawn again: neither the order nor what is kept meanwhile counts."""
    found = population(40, 7)
    ranked = sorted(found, key=lambda ticket: hashlib.sha256(f"x/{ticket.id}".encode()).digest())
    first = {city: [ticket for ticket in ranked if ticket.customer.city == f"city{city}"] for city in range(2)}
    seats = sampling.allocate_seats({0: 40, 1: 7}, 9)
    expected = {ticket.id for city, members in first.items() for ticket in members[: seats[city]]}
    assert set(sampling.draw_sample(iter(found), 9, ["region"], "x").tickets) == expected
    assert sampling.draw_sample(found, 500, ["region"], "x").tickets == [ticket.id for ticket in found]


@given(st.lists(st.integers(0, 300), min_size=1, max_size=12), st.integers(0, 500))
def test_every_stratum_has_its_share(counts: list[int], size: int) -> None:
    strata = dict(enumerate(counts))
    seats = sampling.allocate_seats(strata, size)
    whole = sum(counts)
    assert sum(seats.values()) == min(size, whole)
    for key, count in strata.items():
        assert 0 <= seats[key] <= count
        if size < whole:
            assert abs(seats[key] - count * size / whole) < 1
