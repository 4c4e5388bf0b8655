"""A malicious complaint: on record for follow-up, never called back, and no clock of a callback (R3.2, R5.3)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.action import Answer, Assess, Close, Open, Reclassify
from schemas.customer_actions import CallBack
from schemas.ticket import Status
from services.domain.classify import classify
from services.domain.kpi.cases import build_case
from services.domain.policy import validation
from tests.builders import CENTRE, PACK, PACKS, TicketScenario, contact

MALICIOUS = "malicious"


def centre_of(scenario: TicketScenario) -> str:
    return scenario.current.centre


def answering(scenario: TicketScenario) -> str:
    centre = scenario.pack.units[centre_of(scenario)]
    return (
        centre.code
        if centre.answers_customer
        else next(code for code, unit in scenario.pack.units.items() if unit.answers_customer)
    )


def answered(name: str) -> TicketScenario:
    scenario = TicketScenario.opened(contact(policy=name), pack=PACKS[name])
    scenario.do(Answer(explanation="e", result="r", cause="c", agreement="agreed"), unit=answering(scenario))
    assert scenario.current.status is Status.ANSWERED, scenario.refusals
    return scenario


@pytest.mark.requirement("R5.3")
@pytest.mark.parametrize("name", PACKS)
def test_a_complaint_found_malicious_after_the_answer_is_asked_about_no_more(name: str) -> None:
    scenario = answered(name)
    assert scenario.timer("callback").running
    scenario.do(Assess(validity=MALICIOUS, reason="threats"), unit=centre_of(scenario))
    assert scenario.refusals == []
    assert not scenario.timer("callback").running
    scenario.advance(timedelta(days=60)).tick()
    assert "callback" not in {clock for clock, _, outcome in scenario.decided_thresholds() if outcome == "fired"}
    scenario.do(CallBack(attempt=1, means="sms"))
    assert scenario.refusal_code == "never"


@pytest.mark.requirement("R5.3")
@pytest.mark.parametrize("name", PACKS)
def test_a_complaint_known_to_be_malicious_has_no_callback_clock(name: str) -> None:
    given = classify(contact(policy=name), PACKS[name]).replace(validity=MALICIOUS)
    scenario = TicketScenario.opened(contact(policy=name), pack=PACKS[name], classification=given)
    scenario.do(Answer(explanation="e", agreement="agreed"), unit=answering(scenario))
    assert scenario.current.status is Status.ANSWERED
    assert "callback" not in {timer.name for timer in scenario.current.clocks}


@pytest.mark.requirement("R5.3")
def test_what_is_found_malicious_after_the_closing_is_asked_about_no_more() -> None:
    scenario = answered("carrier")
    scenario.do(Close(owner="billing"), unit=CENTRE)
    scenario.do(Assess(validity=MALICIOUS, reason="threats"), unit=CENTRE)
    assert (scenario.current.status, scenario.timer("callback").running) == (Status.CLOSED, False)


@pytest.mark.requirement("R3.2")
@pytest.mark.parametrize("name", PACKS)
def test_a_malicious_complaint_is_on_record_for_follow_up_once(name: str) -> None:
    scenario = answered(name)
    for _ in range(2):
        scenario.do(Assess(validity=MALICIOUS, founded=False, reason="threats"), unit=centre_of(scenario))
    found = [(entry.kind, entry.value) for entry in scenario.current.entries]
    assert found == [("follow_up", MALICIOUS)]
    (event,) = [event for event in scenario.events if event.type == "recorded"]
    assert event.details == {"kind": "follow_up", "value": MALICIOUS}
    case = build_case(scenario.current, [], scenario.pack, scenario.now)
    assert case.validity == MALICIOUS


@pytest.mark.requirement("R3.2")
def test_whatever_makes_it_malicious_puts_it_on_record() -> None:
    given = classify(contact(), PACK).replace(validity=MALICIOUS)
    opened = TicketScenario.opened(classification=given)
    assert [entry.kind for entry in opened.current.entries] == ["follow_up"]
    assert opened.do(Open(contact=contact(), classification=given)).current.entries_count == 1
    reclassified = TicketScenario.opened().do(Reclassify(classification=given, reason="r"), unit=CENTRE)
    assert [entry.kind for entry in reclassified.current.entries] == ["follow_up"]


@pytest.mark.requirement("R5.9")
def test_a_difficult_customer_of_an_enterprise_is_on_record() -> None:
    scenario = answered("enterprise")
    scenario.do(Assess(validity="difficult", reason="r"), unit=centre_of(scenario))
    assert [entry.kind for entry in scenario.current.entries] == ["difficult_customer"]


@pytest.mark.requirement("R5.3")
def test_a_pack_whose_callback_clock_runs_for_the_malicious_is_refused() -> None:
    clocks = tuple(clock.model_copy(update={"unless": None}) for clock in PACK.limits.clocks)
    wrong = replace(PACK, limits=PACK.limits.model_copy(update={"clocks": clocks}))
    (problem,) = [each for each in validation.find_problems(wrong, "carrier") if "never called back" in each]
    assert 'unless = { validity = ["malicious"] }' in problem
