"""Who acts by a request is what the key allows, never what the request writes (doors S4, lifecycle A3)."""

from dataclasses import replace
from typing import Any

import pytest

from schemas.contact import Customer
from services.intake import actors
from services.intake.actors import NOT_THE_CUSTOMER, CustomerClaim
from services.intake.senders import Sender
from services.shared.runtime.errors import Problem
from tests.builders import TicketScenario, contact

NETWORK = Sender("network", ("carrier",), (), ("commands",), units=("network",))
CENTRES = replace(NETWORK, name="crm", units=("provincial_centre", "channel"), persons=("王工", "李工"))
PORTAL = Sender("portal", ("carrier",), ("web", "app"), ("commands",), roles=("portal",))


def refused(sender: Sender, **request: Any) -> tuple[int, str]:
    with pytest.raises(Problem) as raised:
        actors.identify(request, sender)
    (error,) = raised.value.errors
    assert error["detail"]
    return raised.value.status, error["field"]


def test_the_only_unit_and_the_only_person_of_a_key_need_not_be_named() -> None:
    actor = actors.identify({"actor": {"name": "王工"}}, NETWORK).actor
    assert (actor.kind, actor.name, actor.unit, actor.key, actor.proof) == ("agent", "王工", "network", "network", None)
    assert actors.identify({}, replace(NETWORK, persons=("王工",))).actor == actor


@pytest.mark.parametrize(
    ("sender", "actor", "status", "field"),
    [
        (NETWORK, None, 400, "actor.name"),
        (NETWORK, {"name": ""}, 400, "actor.name"),
        (NETWORK, {"name": 7}, 400, "actor.name"),
        (NETWORK, "王工", 400, "actor"),
        (NETWORK, {"name": "王工", "unit": "provincial_centre"}, 403, "actor.unit"),
        (NETWORK, {"name": "王工", "kind": "service"}, 403, "actor.kind"),
        (NETWORK, {"name": "ledger", "kind": "service", "unit": "network"}, 403, "actor.kind"),
        (NETWORK, {"kind": "customer"}, 403, "actor.kind"),
        (NETWORK, {"name": "王工", "kind": "robot"}, 400, "actor.kind"),
        (NETWORK, {"name": "王工", "key": "crm"}, 400, "actor.key"),
        (NETWORK, {"name": "王工", "proof": "own_channel"}, 400, "actor.proof"),
        (CENTRES, {"name": "王工"}, 400, "actor.unit"),
        (CENTRES, {"name": "赵工", "unit": "channel"}, 403, "actor.name"),
        (replace(NETWORK, units=()), {"name": "王工"}, 403, "actor.unit"),
        (replace(NETWORK, units=("*",)), {"name": "王工"}, 400, "actor.unit"),
        (replace(NETWORK, units=("*",)), {"name": "王工", "unit": "Net work"}, 400, "actor.unit"),
    ],
)
def test_what_the_key_does_not_allow_is_refused(sender: Sender, actor: Any, status: int, field: str) -> None:
    assert refused(sender, actor=actor) == (status, field)


def test_a_person_of_the_key_acts_for_a_unit_of_the_key() -> None:
    actor = actors.identify({"actor": {"name": "李工", "unit": "channel", "kind": "unit"}}, CENTRES).actor
    assert (actor.kind, actor.name, actor.unit, actor.key) == ("unit", "李工", "channel", "crm")


@pytest.mark.parametrize(
    ("customer", "field"),
    [
        (None, "customer"),
        ({}, "customer"),
        ({"phone": "12"}, "customer.phone"),
        ({"name": "李女士"}, "customer.name"),
        ({"number": ["C1"]}, "customer.number"),
    ],
)
def test_a_portal_names_the_customer_by_what_can_be_compared(customer: Any, field: str) -> None:
    request = {"actor": {"kind": "customer"}} | ({"customer": customer} if customer is not None else {})
    assert refused(PORTAL, **request) == (400, field)


def test_a_name_beside_the_customer_is_refused_and_nothing_personal_is_kept() -> None:
    customer = {"phone": "138 0000 0101"}
    assert refused(PORTAL, actor={"kind": "customer", "name": "李女士"}, customer=customer) == (400, "actor.name")
    assert refused(NETWORK, actor={"name": "王工"}, customer=customer) == (400, "customer")
    found = actors.identify({"actor": {"kind": "customer"}, "customer": customer}, PORTAL)
    assert found.claim == CustomerClaim(phone="+8613800000101")
    actor = found.actor
    assert (actor.kind, actor.name, actor.unit, actor.key) == ("customer", "customer", None, "portal")
    assert actor.proof == "own_channel"


def test_a_portal_does_not_act_for_a_unit() -> None:
    assert refused(PORTAL, actor={"name": "王工", "unit": "network"}) == (403, "actor.unit")


@pytest.mark.requirement("R2.7")
@pytest.mark.parametrize(
    ("customer", "claim", "same"),
    [
        (Customer(phone="+8613800000101"), CustomerClaim(phone="+8613800000101"), True),
        (Customer(phone="+8613800000101"), CustomerClaim(phone="+8613800000102"), False),
        (Customer(phone="+8613800000101", number="C1"), CustomerClaim(phone="+8613800000101", number="C2"), False),
        (Customer(phone="+8613800000101"), CustomerClaim(phone="+8613800000101", number="C2"), True),
        (Customer(phone="+8613800000101", switchboard=True), CustomerClaim(phone="+8613800000101"), False),
        (Customer(phone="+8637112345678", phone_extension="801"), CustomerClaim(phone="+8637112345678"), False),
        (Customer(identity="o1"), CustomerClaim(identity="o1"), True),
        (Customer(email="a@mail.example"), CustomerClaim(phone="+8613800000101"), False),
    ],
)
def test_a_claim_is_compared_with_the_customer(customer: Customer, claim: CustomerClaim, *, same: bool) -> None:
    assert claim.is_of(customer) == same


def test_another_customer_and_another_channel_get_the_same_answer() -> None:
    ticket, own = TicketScenario.opened(contact()).current, CustomerClaim(phone="+8613800000101")
    actors.require_own_customer(own, ticket, PORTAL)
    for claim, sender in ((CustomerClaim(phone="+8613800000102"), PORTAL), (own, replace(PORTAL, channels=("app",)))):
        with pytest.raises(Problem) as raised:
            actors.require_own_customer(claim, ticket, sender)
        assert (raised.value.status, raised.value.detail) == (403, NOT_THE_CUSTOMER)
