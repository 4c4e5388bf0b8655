"""Earlier contacts: whose ticket it may be, and who wrote about it (DECISIONS 30)."""

import pytest

from schemas.contact import Customer
from services.router.store import EarlierContact
from tests.unit.router.test_route import known

MOBILE = "+8613800000101"


@pytest.mark.parametrize(
    "customer",
    [
        Customer(phone=MOBILE),
        Customer(number="C1"),
        Customer(email="li@mail.example"),
        Customer(identity="wx-1"),
    ],
)
def test_one_shared_identifier_makes_a_ticket_a_candidate(customer: Customer) -> None:
    everything = Customer(phone=MOBILE, number="C1", email="li@mail.example", identity="wx-1")
    assert EarlierContact(known(), everything).may_be_of(customer)
    assert not EarlierContact(known(), Customer(name="李女士")).may_be_of(customer)


@pytest.mark.requirement("R2.4")
def test_everybody_who_wrote_about_a_ticket_counts() -> None:
    """王先生's ticket that 王小明 joined is not 王芳's."""
    earlier = EarlierContact(known(), Customer(phone=MOBILE, name="王先生"))
    assert earlier.candidate_for(Customer(phone=MOBILE, name="王芳")).person == "same"
    joined = earlier.with_writer(Customer(phone=MOBILE, name="王小明"))
    assert joined.candidate_for(Customer(phone=MOBILE, name="王芳")).person == "another"
