"""What a command names is there, or it is refused with what there is; a contact is taken all the same."""

from dataclasses import replace
from typing import Any

import pytest

from schemas.action import (
    Answer,
    Assess,
    Assign,
    Claim,
    Close,
    CompleteForm,
    Dispatch,
    FeedBack,
    Open,
    Reclassify,
    Reject,
    Remind,
    RequestAssistance,
    Split,
    Transfer,
)
from schemas.contact import Contact, TakenOver
from schemas.ticket import Classification, Status
from services.domain.classify import classify
from services.domain.policy.pack import Pack
from services.ledger.domain.decision_context import choices
from tests import clock_invariants
from tests.builders import CENTRE, HOUR, PACK, PACKS, TicketScenario, contact, settlement

KNOWN = classify(contact(), PACK)
UNKNOWN: dict[str, Any] = {
    "tier": "nowhere",
    "kind": "nowhere",
    "validity": "nowhere",
    "opening": "nowhere",
    "business_type": "nowhere",
    "problem_type": "nowhere",
    "origin": "nowhere",
    "liability": "nowhere",
    "signals": ("nowhere",),
    "department": "nowhere",
    "path": ("nowhere",),
}
wrong = pytest.mark.parametrize("field", UNKNOWN)


def wrongly_classified(field: str) -> Classification:
    return KNOWN.replace(**{field: UNKNOWN[field]})


def without(pack: Pack, *, tier: str | None = None, unit: str | None = None) -> Pack:
    """Return a later version of a pack that has a tier or a unit less, with every rule that names it."""
    routing = pack.routing
    if tier is not None:
        tiers = tuple(rule for rule in routing.tiers if rule.tier != tier)
        routing = routing.model_copy(
            update={"tiers": (*tiers, tiers[0].model_copy(update={"when": type(tiers[0].when)()}))}
        )
    if unit is not None:
        routing = routing.model_copy(
            update={"departments": tuple(rule for rule in routing.departments if rule.unit != unit)}
        )
    units = {code: each for code, each in pack.units.items() if code != unit}
    limits = pack.limits
    if tier is not None:
        clocks = tuple(
            clock.model_copy(update={"limits": tuple(row for row in clock.limits if row.when.tier != (tier,))})
            for clock in limits.clocks
        )
        limits = limits.model_copy(update={"clocks": clocks})
    return replace(pack, routing=routing, units=units, limits=limits, revision="later")


@wrong
@pytest.mark.requirement("R2.7")
def test_a_split_into_something_unknown_is_refused_by_name(field: str) -> None:
    scenario = TicketScenario.opened()
    scenario.do(Split(text="t", classification=wrongly_classified(field), reason="r"), unit=CENTRE)
    assert scenario.refusal_code in {"unknown", "unknown_unit"}
    assert "nowhere" in scenario.refusals[-1].message
    assert scenario.refusals[-1].missing
    assert scenario.sent == []


@wrong
@pytest.mark.requirement("R2.7")
def test_a_reclassification_as_something_unknown_is_refused_by_name(field: str) -> None:
    scenario = TicketScenario.opened()
    scenario.do(Reclassify(classification=wrongly_classified(field), reason="r"), unit=CENTRE)
    assert scenario.refusal_code in {"unknown", "unknown_unit"}
    assert "nowhere" in scenario.refusals[-1].message
    assert scenario.current.classification == KNOWN


def test_a_department_takes_no_centre_s_place() -> None:
    scenario = TicketScenario.opened()
    scenario.do(Reclassify(classification=KNOWN.replace(path=("billing",)), reason="r"), unit=CENTRE)
    assert scenario.refusal_code == "unknown"
    assert "provincial_centre" in scenario.refusals[-1].message


@wrong
def test_a_contact_with_unknown_names_is_taken_and_classified_by_the_pack(field: str) -> None:
    scenario = TicketScenario.opened(classification=wrongly_classified(field))
    assert scenario.refusals == []
    classification = scenario.current.classification
    assert classification.replace(reasons=()) == KNOWN.replace(reasons=())
    assert "nowhere" in classification.reasons[-1].value
    assert scenario.current.promised_at is not None


@wrong
def test_a_form_with_an_unknown_classification_is_taken(field: str) -> None:
    """The corrected customer was kept, and the classification refused."""
    call = contact(text="", flags=("no_text", "incomplete"), call="c1")
    scenario = TicketScenario.opened(call)
    form = contact("m2", call="c1")
    scenario.do(Remind(contact=form, classification=wrongly_classified(field), reason="form"))
    assert scenario.refusals == []
    assert scenario.current.subject == form.text
    assert scenario.current.classification.business_type == KNOWN.business_type
    assert scenario.types[-1] == "form_completed"


def test_the_kind_that_the_router_found_stays() -> None:
    given = KNOWN.replace(kind="appeal", origin="direct", tier="nowhere")
    scenario = TicketScenario.opened(classification=given)
    assert (scenario.current.classification.kind, scenario.current.classification.origin) == ("appeal", "direct")


def test_a_case_of_which_a_person_is_unsure_needs_no_rule() -> None:
    scenario = TicketScenario.opened(classification=KNOWN.replace(opening="unsure", reasons=()))
    assert scenario.refusals == []
    assert "escalated" in scenario.types


@pytest.mark.parametrize(
    "action",
    [
        Dispatch(unit="nowhere"),
        Transfer(unit="nowhere", reason="r"),
        RequestAssistance(unit="nowhere", demand="d"),
        FeedBack(result="r", cause="c", owner="nowhere"),
    ],
)
def test_a_unit_that_is_not_there_is_refused_with_those_that_are(action: Any) -> None:
    scenario = TicketScenario.dispatched()
    scenario.do(action, unit=CENTRE if isinstance(action, Dispatch) else "network")
    assert scenario.refusal_code == "unknown_unit"
    assert "billing" in scenario.refusals[-1].message
    assert len(scenario.refusals[-1].message) < 200


def test_the_owner_of_the_cause_is_a_unit() -> None:
    scenario = TicketScenario.dispatched().do(FeedBack(result="r", cause="c"), unit="network")
    answer = Answer(explanation="e", agreement="agreed", owner="nobody")
    assert scenario.do(answer, unit=CENTRE).refusals[-1].missing == ("owner",)
    scenario.do(answer.replace(owner="network"), unit=CENTRE)
    assert scenario.do(Close(owner="nobody"), unit=CENTRE).refusals[-1].missing == ("owner",)
    assert scenario.do(Close(owner="billing"), unit=CENTRE).current.status is Status.CLOSED


def test_a_form_names_an_owner_who_is_there() -> None:
    scenario = TicketScenario.opened(contact(text="", flags=("no_text", "incomplete")))
    scenario.do(CompleteForm(settlement=settlement(owner="nobody")), unit=CENTRE)
    assert scenario.refusal_code == "unknown_unit"


def test_a_contact_that_was_settled_by_nobody_we_know_waits_for_the_owner() -> None:
    scenario = TicketScenario.opened(contact(settlement=settlement(owner="nobody")))
    assert scenario.current.status is Status.ANSWERED
    assert scenario.do(Close(), unit=CENTRE).refusals[-1].missing == ("owner",)


def test_a_ticket_of_the_system_before_is_taken_whatever_it_says() -> None:
    before = TakenOver(number="A-1", status="handling", unit="network", person="王工")
    scenario = TicketScenario.opened(contact(taken_over=before), classification=KNOWN.replace(opening="not_opened"))
    assert scenario.refusals == []
    assert scenario.current.unit == CENTRE
    assert "not taken over as handling" in scenario.events[-1].details["text"]


@pytest.mark.requirement("R4.12")
@pytest.mark.parametrize("number", range(4))
def test_a_tier_that_a_policy_change_removes_leaves_no_ticket_without_limits(number: int) -> None:
    """Every decision that began a clock ended as a dead letter."""
    scenario = TicketScenario.dispatched()
    tier = scenario.current.classification.tier
    scenario.pack = without(PACK, tier=tier)
    action = (
        Remind(contact=contact("m2"), classification=KNOWN, reason="r"),
        FeedBack(result="r", cause="c"),
        Transfer(unit="billing", reason="r"),
        RequestAssistance(unit="billing", demand="d"),
    )[number]
    scenario.advance(HOUR).do(action, unit="network")
    assert scenario.refusals == []
    assert scenario.current.classification.tier in scenario.pack.tiers
    reasons = scenario.current.classification.reasons
    assert any(repr(tier) in reason.value for reason in reasons)
    clock_invariants.check(scenario.events[-1], None, scenario.pack)


@pytest.mark.requirement("R4.12")
@pytest.mark.parametrize("holder", ["products", "fixed_owner"])
def test_a_unit_that_a_policy_change_removes_assists_no_more(holder: str) -> None:
    scenario = TicketScenario.dispatched("fixed_owner")
    for unit in ("network", "billing"):
        scenario.do(RequestAssistance(unit=unit, demand="d"), unit="fixed_owner")
    if holder != "fixed_owner":
        scenario.do(Dispatch(unit=holder), unit="fixed_owner")
    scenario.pack = without(PACK, unit="network")
    scenario.advance(HOUR).tick()
    assert list(scenario.current.assisting) == ["billing"]
    assert [timer.unit for timer in scenario.current.clocks if timer.unit and timer.running] == ["billing"]
    clock_invariants.check(scenario.events[-1], None, scenario.pack)
    scenario.pack = replace(without(scenario.pack, unit=holder), revision="last")
    scenario.advance(HOUR).tick()
    assert (scenario.current.unit, scenario.current.assisting) == (CENTRE, ())
    clock_invariants.check(scenario.events[-1], None, scenario.pack)


@pytest.mark.requirement("R4.12")
def test_a_unit_that_a_policy_change_removes_gives_the_ticket_back_to_the_centre() -> None:
    scenario = TicketScenario.dispatched()
    scenario.pack = without(PACK, unit="network")
    scenario.advance(HOUR).tick()
    assert (scenario.current.unit, scenario.current.status) == (CENTRE, Status.ACCEPTED)
    assert scenario.current.dispatched_by == ()
    assert "network" not in (scenario.current.classification.department, *scenario.current.classification.path)
    assert scenario.types[-1] == "reclassified"
    assert scenario.do(Dispatch(unit="billing"), unit=CENTRE).current.unit == "billing"


def test_a_rejected_answer_goes_back_to_a_unit_that_is_there() -> None:
    pack = PACKS["bus"]
    scenario = TicketScenario.opened(contact(text="司机态度恶劣", policy="bus"), pack=pack)
    centre = scenario.current.unit
    scenario.do(Dispatch(unit="operations"), unit=centre).do(FeedBack(result="r", cause="c"), unit="operations")
    scenario.do(Answer(explanation="e", agreement="refused"), unit=centre)
    scenario.pack = without(pack, unit="operations")
    scenario.do(Reject(reason="r"))
    assert scenario.refusals == []
    assert scenario.current.unit in scenario.pack.units


@pytest.mark.requirement("R5.3")
@pytest.mark.parametrize("name", PACKS)
def test_a_case_that_is_never_called_back_needs_no_callback_to_be_closed(name: str) -> None:
    pack = PACKS[name]
    closing = pack.outcome.closing
    needy = pack.outcome.model_copy(update={"closing": closing.model_copy(update={"needs": ("callback",), "also": ()})})
    scenario = TicketScenario.opened(contact(policy=name), pack=replace(pack, outcome=needy))
    centre = scenario.current.centre
    scenario.do(Answer(explanation="e", agreement="agreed"), unit=centre)
    assert scenario.do(Close(), unit=centre).refusal_code == "missing"
    scenario.do(Assess(validity="malicious", reason="r"), unit=centre)
    assert scenario.do(Close(), unit=centre).current.status is Status.CLOSED


@pytest.mark.parametrize("action", [Assign(person="Appeals officer, province"), Claim(person="Team leader")])
def test_a_person_whom_the_pack_names_gets_no_ticket_of_another_unit(action: Any) -> None:
    scenario = TicketScenario.dispatched().do(action, unit="network")
    assert (scenario.refusal_code, scenario.refusals[-1].missing) == ("other_unit", ("person",))
    assert "provincial_centre" in scenario.refusals[-1].message
    assert scenario.do(action.replace(person="王工"), unit="network").current.person == "王工"


def test_choices_have_room_in_a_refusal() -> None:
    many = {f"unit_{number:03}" for number in range(500)}
    assert choices(many).startswith("choose one of unit_000, unit_001")
    assert choices(many).endswith("more")
    assert len(choices(many)) < 150
    assert choices(()) == "there is none to choose"
    assert choices({"x" * 300}) == "there are 1"


def test_what_is_known_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Contact, __: Pack) -> Classification:
        raise AssertionError("classified again")

    monkeypatch.setattr("services.ledger.domain.names.classify", fail)
    scenario = TicketScenario.opened()
    scenario.do(Open(contact=contact("m2"), classification=KNOWN))
    assert scenario.refusals == []
