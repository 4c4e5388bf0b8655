"""Compensation within the authority of whoever grants it, by the level that the pack or the key says (R3.6)."""

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from duban.simulated_actor import simulated_actor
from schemas.action import Assess, Compensate, Dispatch
from schemas.command import Action, Command
from schemas.contact import Customer
from services.domain.policy.outcome import CompensationCondition, CompensationRule
from services.domain.policy.pack import Pack
from services.ledger.domain.decide import decide
from tests.builders import CENTRE, PACK, TicketScenario, contact

PHONE = "+8613800000101"


def with_conditions(*conditions: dict[str, Any], **changes: Any) -> Pack:
    """Return the carrier's pack with other conditions of compensation."""
    rule = PACK.outcome.compensation
    assert rule is not None
    parsed = tuple(CompensationCondition.model_validate({"ours": "a test", **each}) for each in conditions)
    fields = {name: getattr(rule, name) for name in type(rule).model_fields}
    changed = CompensationRule(**{**fields, "conditions": parsed, "short_tenure_months": 0, **changes})
    return replace(PACK, outcome=PACK.outcome.model_copy(update={"compensation": changed}))


def opened(pack: Pack = PACK, **customer: Any) -> TicketScenario:
    return TicketScenario.opened(contact(customer=Customer(phone=PHONE, **customer)), pack=pack)


def give(scenario: TicketScenario, amount: str, level: str | None = "agent", **changes: Any) -> str:
    """Grant compensation as the centre, and return the code of the refusal, or an empty text."""
    before = len(scenario.refusals)
    action = Compensate(amount=amount, covers=changes.pop("covers", "service_use"), text="x")
    scenario.do(action, unit=changes.pop("unit", CENTRE), level=level, **changes)
    return scenario.refusals[-1].code if len(scenario.refusals) > before else ""


@pytest.mark.requirement("R3.6")
def test_the_level_is_never_the_word_of_whoever_asks() -> None:
    plain = {"type": "compensate", "level": "centre_head", "covers": "service_use", "amount": "9", "text": "x"}
    with pytest.raises(msgspec.ValidationError, match="level"):
        msgspec.convert(plain, Action)
    scenario = opened()
    assert give(scenario, "1", None) == "not_allowed"
    assert give(scenario, "31", "agent") == "beyond_authority"
    assert give(scenario, "100", "team_leader") == ""
    assert scenario.current.compensations[-1].level == "team_leader"


@pytest.mark.requirement("R3.6", "R7.5")
def test_the_level_of_a_person_whom_the_pack_names_is_the_person_s_under_any_key() -> None:
    scenario = opened()
    assert give(scenario, "30.01", "centre_head", person="Agent") == "beyond_authority"
    assert give(scenario, "300", "agent", person="Complaint specialist") == ""
    assert give(scenario, "1", "centre_head", person="Callback team, province") == "not_allowed"
    # A person acts for the own units alone.
    assert give(scenario, "1", person="Complaint specialist", unit="provincial_service") == "not_allowed"


def test_a_key_with_a_level_that_the_pack_lacks_is_refused_with_those_that_there_are() -> None:
    scenario = opened()
    assert give(scenario, "1", "boss") == "unknown"
    assert "'boss', which the pack does not have: give the key one of agent" in scenario.refusals[-1].message


def test_a_right_by_the_pack_without_a_level_grants_nothing() -> None:
    scenario = TicketScenario.opened(contact(channel="store"))
    assert give(scenario, "1", None, unit="channel") == "not_allowed"
    assert "no level of authority" in scenario.refusals[-1].message
    assert give(scenario, "1", "agent", unit="channel") == ""


@pytest.mark.requirement("R3.6")
@pytest.mark.parametrize(
    ("customer", "limit"),
    [
        ({}, "30"),
        ({"tenure_months": 5}, "15"),
        ({"tenure_months": 6}, "30"),
        ({"average_spend": "19.99"}, "15"),
        ({"average_spend": "20"}, "30"),
        ({"tenure_months": 5, "average_spend": "10"}, "15"),
        ({"level": "集团重点客户"}, "0"),
        ({"level": "GROUP_KEY", "tenure_months": 5}, "0"),
        ({"level": "金卡"}, "30"),
    ],
)
def test_the_carrier_s_agents_grant_by_tenure_spend_and_customer_type(customer: dict[str, Any], limit: str) -> None:
    scenario = opened(**customer)
    assert give(scenario, str(Decimal(limit) + Decimal("0.01"))) == "beyond_authority"
    if limit != "0":
        assert give(scenario, limit) == ""


@pytest.mark.requirement("R3.6")
def test_where_no_duty_was_broken_nobody_grants_anything_by_law() -> None:
    scenario = opened().do(Assess(founded=False, reason="r"), unit=CENTRE)
    assert give(scenario, "0.01", "centre_head") == "beyond_authority"
    message = scenario.refusals[-1].message
    assert "may grant 0 yuan a case (0 %: found unfounded, Civil Code, Articles 577 and 1165)" in message
    assert "ask provincial_service" in message
    scenario.do(Assess(founded=True, reason="r"), unit=CENTRE)
    assert give(scenario, "2000", "centre_head") == ""


@pytest.mark.requirement("R3.6")
def test_the_strictest_condition_counts_and_a_generous_one_only_where_none_is_strict() -> None:
    half = {"name": "half", "tenure_below": 12, "percent": 50}
    fifth = {"name": "fifth", "spend_below": 50, "percent": 20}
    more = {"name": "more", "spend_from": 40, "percent": 150}
    most = {"name": "most", "customer_level": ["Gold"], "percent": 200}
    pack = with_conditions(more, half, most, fifth)
    for customer, limit in (
        ({"average_spend": "40"}, 6),
        ({"average_spend": "50"}, 45),
        ({"average_spend": "50", "level": "gold"}, 60),
        ({"average_spend": "50", "level": "gold", "tenure_months": 11}, 15),
        ({"level": "silver"}, 30),
    ):
        scenario = opened(pack, **customer)
        assert give(scenario, f"{limit}.01") == "beyond_authority"
        assert give(scenario, str(limit)) == ""


@pytest.mark.requirement("R3.6")
def test_a_condition_is_about_some_levels_some_business_and_what_the_ticket_knows() -> None:
    condition = {"name": "x", "levels": ["agent"], "covers": ["charging_error"], "when": {"unit": [CENTRE]}}
    pack = with_conditions({**condition, "percent": 0})
    assert give(opened(pack), "30", covers="service_use") == ""
    assert give(opened(pack), "30", "team_leader", covers="charging_error") == ""
    assert give(opened(pack), "1", covers="charging_error") == "beyond_authority"
    sent = opened(pack).do(Dispatch(unit="billing"), unit=CENTRE)
    assert give(sent, "30", covers="charging_error") == ""


@pytest.mark.requirement("R3.6")
def test_a_level_may_cover_less_than_the_pack() -> None:
    rule = PACK.outcome.compensation
    assert rule is not None
    agent, *others = rule.levels
    pack = with_conditions(levels=(agent.model_copy(update={"covers": ("service_use",)}), *others))
    scenario = opened(pack)
    assert give(scenario, "1", covers="ending_contract") == "not_covered"
    assert "only service_use are" in scenario.refusals[-1].message
    assert give(scenario, "1", "team_leader", covers="ending_contract") == ""


@pytest.mark.requirement("R3.6")
def test_the_limit_of_the_month_counts_what_was_granted_elsewhere() -> None:
    scenario, action = opened(), Compensate(amount="1", covers="service_use", text="x")
    actor, authority = simulated_actor(action, "carrier", CENTRE, level="agent")
    again = Command(id=uuid4(), ticket_id=scenario.id, at=scenario.now, actor=actor, action=action, authority=authority)
    assert decide(scenario.ticket, again, PACK, scenario.now, number="", spent=Decimal(299)).refusal is None
    refused = decide(scenario.ticket, again, PACK, scenario.now, number="", spent=Decimal("299.01")).refusal
    assert refused is not None
    assert "300 yuan a month" in refused.message


@pytest.mark.parametrize("amount", ["0", "0.00", "-5"])
def test_nothing_is_no_amount(amount: str) -> None:
    assert give(opened(), amount) == "missing"


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"percent": 100}, "changes nothing"),
        ({"percent": 50, "spend_from": 20, "spend_below": 20}, "can never hold"),
    ],
)
def test_a_condition_that_changes_nothing_or_never_holds_is_refused(condition: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CompensationCondition.model_validate({"name": "x", "ours": "a test", **condition})
