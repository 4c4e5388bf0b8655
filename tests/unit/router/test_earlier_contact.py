"""Earlier contacts: whose ticket it may be, and who wrote about it (DECISIONS 30)."""

import pytest

from schemas.contact import Customer
from services.router.domain.earlier_contact import EarlierContact, named_tickets
from tests.builders import contact
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


@pytest.mark.requirement("R2.4")
def test_a_number_counts_as_the_customer_s_only_with_something_of_theirs() -> None:
    ticket = EarlierContact(known(person="perhaps"), Customer(phone="+8613800000101", email="li@mail.example"))
    numbered = {"TS20260312000001": ticket}

    def person(customer: Customer) -> str:
        named = contact(customer=customer, follows="TS20260312000001")
        (only,) = named_tickets(named, {}, numbered)
        return only.person

    assert person(Customer(email="stranger@evil.example")) == "another"
    assert person(Customer(email="li@mail.example")) == "same"
    assert person(Customer(phone="+8613800000101")) == "same"


def test_the_complaint_before_an_appeal_is_named_by_it() -> None:
    numbered = {"TS1": EarlierContact(known(person="perhaps"), Customer())}
    (only,) = named_tickets(contact(details={"earlier_ticket": "TS1"}), {}, numbered)
    assert only.named == "before"
