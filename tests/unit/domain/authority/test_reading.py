"""Tests of which tickets a key reads."""

from dataclasses import replace
from typing import Any

import pytest

from schemas.action import Dispatch, SendBack
from schemas.command import Authority
from schemas.ticket import Ticket
from services.domain.authority.reach import units_of
from services.domain.authority.reading import may_read, overseers
from services.domain.policy.authority import AuthorityOverride, AuthorityPolicy
from services.domain.policy.conditions import When
from tests.builders import CENTRE, PACK, PACKS, TicketScenario, contact

pytestmark = pytest.mark.requirement("R5.6")


def ticket() -> Ticket:
    """Return a ticket that one department has and another had."""
    scenario = TicketScenario.dispatched("billing").do(SendBack(reason="not ours"), unit="billing")
    return scenario.do(Dispatch(unit="network"), unit=CENTRE).current


def reads(found: Ticket, *units: str, packs: tuple[str, ...] = ("carrier",), channels: tuple[str, ...] = ()) -> bool:
    return may_read(found, Authority(packs=packs, units=units, channels=channels), PACKS[found.policy.pack])


def test_a_key_for_all_units_reads_its_packs_and_one_without_units_nothing() -> None:
    """DECISIONS 35."""
    assert not reads(ticket())
    assert not reads(ticket(), packs=("*",))
    assert reads(ticket(), "*")
    assert reads(ticket(), "*", packs=("*",))
    assert not reads(ticket(), "*", packs=("bus", "bank"))


def test_a_unit_reads_what_it_has_or_had_and_what_is_below_it() -> None:
    found = ticket()
    for unit in (found.unit, found.centre, "billing", *PACK.above(found.unit), *PACK.above(found.centre)):
        assert reads(found, str(unit)), unit


@pytest.mark.parametrize("name", PACKS)
def test_nobody_else_reads_a_ticket(name: str) -> None:
    pack = PACKS[name]
    found = TicketScenario.opened(contact(policy=name), pack=pack).current
    near = units_of(found)
    allowed = near | overseers(pack) | frozenset(above for unit in near for above in pack.above(unit))
    for unit, kind in pack.kinds.items():
        assert reads(found, unit, packs=(name,)) is (unit in allowed), (unit, kind)


def test_an_accepting_unit_reads_what_came_by_its_channels() -> None:
    hall = next(unit for unit, kind in PACK.kinds.items() if kind == "channel")
    found = TicketScenario.opened().current
    for channels, read in ((("web",), True), (("*",), True), (("store",), False), ((), False)):
        assert reads(found, hall, channels=channels) is read
    assert not reads(found, "network", channels=("*",))


def test_a_named_approver_reads_what_the_rule_is_about() -> None:
    base: dict[str, Any] = {"action": ["approve_extension"], "units": ["billing"], "ours": "test"}
    found = TicketScenario.dispatched("network").current
    for channel, read in (("web", True), ("store", False)):
        rule = AuthorityOverride.model_validate({**base, "when": When(channel=(channel,))})
        pack = replace(PACK, authority=AuthorityPolicy.model_validate({"rule": [rule]}))
        assert may_read(found, Authority(packs=("carrier",), units=("billing",)), pack) is read


def test_without_its_pack_only_the_units_on_the_ticket_read_it() -> None:
    found = ticket()
    for unit in PACK.units:
        authority = Authority(packs=("carrier",), units=(unit,), channels=("*",))
        assert may_read(found, authority, None) is (unit in units_of(found)), unit
