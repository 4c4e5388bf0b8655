"""Who acts in a step of a day, by a role or by a key with bounds (R8)."""

from typing import Any

import pytest

from duban.policy_simulation import PolicySimulation
from duban.rehearsal_input import RehearsalError, build_action, build_contact
from duban.step_actor import StepActor, actor_of
from schemas.ticket import Ticket
from tests.builders import HOUR, MORNING, PACKS

CENTRE = "provincial_centre"


def simulation(pack: str = "carrier", **contact: Any) -> PolicySimulation:
    started = PolicySimulation(PACKS[pack])
    started.receive(build_contact({"at": MORNING, "text": "宽带网速慢", **contact}, pack, 1))
    return started


def dispatched() -> PolicySimulation:
    """Return a ticket that the network holds, of which the products were asked to assist."""
    started = simulation()
    for unit, do in (
        (CENTRE, {"type": "dispatch", "unit": "network"}),
        ("network", {"type": "claim", "person": "Network desk"}),
        ("network", {"type": "request_assistance", "unit": "products", "demand": "x"}),
    ):
        take(started, do, unit=unit)
        assert started.refusal is None
    return started


def found(at: PolicySimulation, do: Any = "claim", **step: Any) -> StepActor:
    if do == "claim":
        do = {"type": "claim", "person": "x"}
    return actor_of(step, build_action(do), at)


def take(at: PolicySimulation, do: Any, **step: Any) -> Ticket:
    who = found(at, do, **step)
    assert who.refusal is None
    at.issue(build_action(do), MORNING + HOUR, who.actor, who.authority)
    return at.subject.ticket


@pytest.mark.parametrize(
    ("role", "do", "unit"),
    [
        ("holder", "claim", "network"),
        ("assisting", "claim", "products"),
        ("requester", {"type": "release_assistance", "unit": "products", "reason": "x"}, "network"),
        ("centre", "claim", CENTRE),
        ("accepting", "claim", "channel"),
        ("answering", "claim", CENTRE),
        ("above", "claim", "provincial_service"),
        ("involved", "claim", "network"),
        ("callback", "claim", CENTRE),
        ("writer", {"type": "record", "kind": "audit", "text": "x"}, "hq_centre"),
    ],
)
@pytest.mark.requirement("R8")
def test_a_role_is_the_unit_that_has_it_at_that_moment(role: str, do: Any, unit: str) -> None:
    assert found(dispatched(), do, **{"as": role}).actor.unit == unit


def test_whoever_dispatches_is_looked_up_on_the_ticket_as_it_stands() -> None:
    started = simulation()
    assert found(started, **{"as": "dispatcher"}).actor.unit == CENTRE
    take(started, {"type": "dispatch", "unit": "network"}, unit=CENTRE)
    with pytest.raises(RehearsalError, match=r"as: nobody is dispatcher of this ticket now .*there are holder, centre"):
        found(started, **{"as": "dispatcher"})


def test_who_may_compensate_is_a_person_with_a_level() -> None:
    actor = found(simulation(), **{"as": "granting"}).actor
    assert PACKS["carrier"].persons[actor.name].level is not None
    assert actor.unit in PACKS["carrier"].persons[actor.name].units


def test_the_customer_and_our_services_are_roles_as_well() -> None:
    customer = found(simulation(), {"type": "end_callback", "reason": "refused"}, **{"as": "customer"})
    assert (customer.actor.kind, customer.actor.proof, customer.authority) == ("customer", "own_channel", None)
    service = found(simulation(), {"type": "end_callback", "reason": "refused"}, **{"as": "service.callback"})
    assert (service.actor.kind, service.actor.name) == ("service", "callback")


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"as": "holdr"}, "there is no role 'holdr': did you mean 'holder'?"),
        ({"as": "holder", "unit": "network"}, "as: write either `as` with a role, or `unit`"),
        ({"as": "assisting"}, "nobody is assisting of this ticket now (a unit that was asked to assist): there are"),
        ({"unit": CENTRE, "key": {"unit": ["network"]}}, "there is no bound of a key 'unit': did you mean 'units'?"),
        ({"unit": CENTRE, "key": {"units": ["netwrk"]}}, "there is no name in key.units 'netwrk': did you mean"),
        ({"unit": CENTRE, "key": {"may": ["tick"]}}, "there is no name in key.may 'tick'"),
        ({"unit": CENTRE, "key": {"roles": ["king"]}}, "there is no name in key.roles 'king'"),
        ({"unit": CENTRE, "key": {"channels": ["pigeon"]}}, "there is no name in key.channels 'pigeon'"),
        ({"unit": CENTRE, "key": {"level": "king"}}, "there is no level of authority 'king'"),
        ({"unit": CENTRE, "key": {"level": "agent"}, "level": "agent"}, "level: it stands in `key` as well"),
        ({"unit": CENTRE, "key": {"may": "note"}}, "key.may: write a list of names, not 'note'"),
        ({"as": "service.router", "key": {}}, "key: our own services need none"),
    ],
)
def test_what_cannot_be_says_what_there_is(step: dict[str, Any], message: str) -> None:
    with pytest.raises(RehearsalError) as raised:
        found(simulation(), **step)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"unit": CENTRE, "key": {"units": ["network"]}}, "the key acts for network, not for provincial_centre"),
        ({"unit": CENTRE, "key": {"units": []}}, "the key acts for no unit"),
        ({"unit": CENTRE, "key": {"persons": ["Li"]}}, "the key acts for Li, not for provincial_centre"),
        ({"unit": CENTRE, "person": "Zhang", "key": {"persons": ["Li"]}}, "the key acts for Li, not for Zhang"),
        ({"as": "customer", "key": {"roles": []}}, "only a portal speaks for customers"),
        ({"as": "customer", "key": {"channels": ["app"]}}, "did not come by a channel of this key"),
    ],
)
def test_the_door_turns_a_command_away_that_the_key_does_not_allow(step: dict[str, Any], message: str) -> None:
    refusal = found(simulation(), **step).refusal
    assert refusal is not None
    assert (refusal.reason, message in refusal.detail) == ("not_allowed", True)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"may": ["note"]}, "the key may only note: ask for one that may claim"),
        ({"packs": ["bank"]}, "the key is for bank, not for tickets of carrier"),
    ],
)
def test_the_ledger_judges_by_the_bounds_of_the_key(bounds: dict[str, Any], message: str) -> None:
    started = dispatched()
    who = found(started, **{"as": "holder", "key": bounds})
    started.issue(build_action({"type": "claim", "person": "x"}), MORNING + HOUR, who.actor, who.authority)
    assert started.refusal is not None
    assert (started.refusal.code, message in started.refusal.message) == ("not_allowed", True)


def test_a_portal_acts_for_the_customer_of_its_channel() -> None:
    who = found(simulation(channel="app"), {"type": "withdraw", "reason": "x"}, **{"as": "customer", "key": {}})
    assert who.refusal is None
    assert (who.actor.kind, who.actor.key, who.authority) == ("customer", "simulation", None)


def test_a_key_without_bounds_reaches_as_far_as_the_unit() -> None:
    plain, by_key = found(dispatched(), **{"as": "holder"}), found(dispatched(), **{"as": "holder", "key": {}})
    assert by_key.authority == plain.authority
