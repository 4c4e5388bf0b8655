"""Invented customers are reproducible, and some of them cannot be reached."""

from collections import Counter
from itertools import islice
from random import Random

import pytest

from demo.agents import CALL_RESULTS
from demo.people import bounces, person, shuffled_cycle, unreachable

PEOPLE = [person(number, Random(number)) for number in range(150)]


def test_a_shuffled_cycle_holds_every_value_once_in_each_round() -> None:
    size = len(CALL_RESULTS)
    values = list(islice(shuffled_cycle(CALL_RESULTS, "1"), 2 * size))
    assert Counter(values[:size]) == Counter(values[size:]) == Counter(CALL_RESULTS)
    assert values == list(islice(shuffled_cycle(CALL_RESULTS, "1"), len(values)))
    assert values != list(islice(shuffled_cycle(CALL_RESULTS, "2"), len(values)))


def test_some_phones_are_unreachable_and_some_mail_addresses_bounce() -> None:
    silent = [customer for customer in PEOPLE if unreachable(customer.phone)]
    assert {customer.email is None for customer in silent} == {True, False}
    gone = [customer for customer in PEOPLE if customer.email is not None and bounces(customer.email)]
    assert {customer.prefers for customer in gone} == {"mail"}
    assert not any(unreachable(customer.phone) for customer in gone)
    assert not unreachable("+8637155500020")


@pytest.mark.parametrize("number", range(3))
def test_a_number_is_always_the_same_customer(number: int) -> None:
    assert person(number, Random(number)) == PEOPLE[number]
