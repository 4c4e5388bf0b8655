"""Asking the customer, as the ledger decides it: what a new run begins with, and when asking is over (R5.3-R5.5)."""

from typing import Literal

import pytest

from schemas.action import Answer, FeedBack, Open, Reject, Reopen
from schemas.customer_actions import AnswerSurvey, CallBack, EndCallback, RecordCallback, Screen, StartCallback
from schemas.ticket import Survey
from services.domain.classify import classify
from services.domain.ids import ticket_id
from services.domain.policy.outcome import CALL_LEASE
from tests.builders import CENTRE, HOUR, MINUTE, PACKS, TicketScenario, contact

BAD = Survey(process=1, result=2, staff=3)


def answered() -> TicketScenario:
    scenario = TicketScenario.dispatched().do(FeedBack(result="r", cause="c"), unit="network")
    return scenario.do(Answer(explanation="e", agreement="agreed"), unit=CENTRE).advance(25 * HOUR)


def answered_where_the_next_level_takes_over() -> TicketScenario:
    """Return a ticket of a pack in which a rejected outcome goes up the ladder."""
    pack = PACKS["call_centre"]
    first = contact(policy="call_centre")
    scenario = TicketScenario(now=first.received_at, id=ticket_id(first.id), pack=pack)
    scenario.do(Open(contact=first, classification=classify(first, pack)))
    return scenario.do(Answer(explanation="e", result="r", agreement="agreed"), unit=scenario.current.centre)


@pytest.mark.requirement("R5.5")
def test_a_reopened_case_is_screened_a_second_time() -> None:
    scenario = answered().do(AnswerSurvey(survey=BAD)).do(Screen(wrong_handling=False, reason="x"), unit=CENTRE)
    scenario.do(Reopen(reason="again"), unit=CENTRE)
    assert scenario.current.screened is None
    scenario.do(FeedBack(result="r", cause="c"), unit="network")
    scenario.do(Answer(explanation="e", agreement="agreed"), unit=CENTRE).advance(25 * HOUR).do(
        AnswerSurvey(survey=BAD)
    )
    scenario.do(Screen(wrong_handling=True, reason="y"), unit=CENTRE)
    assert scenario.current.screened == "wrong_handling"


@pytest.mark.requirement("R5.3", "R3.6")
def test_a_rejected_outcome_begins_a_run_with_a_callback_of_its_own() -> None:
    scenario = (
        answered_where_the_next_level_takes_over()
        .do(RecordCallback(result="no_answer"), unit=CENTRE)
        .do(StartCallback(), unit=CENTRE)
    )
    scenario.do(EndCallback(reason="no_answer")).do(Reject(reason="not solved"))
    ticket = scenario.current
    assert (ticket.run, ticket.callbacks, ticket.callback_ended, ticket.calling, ticket.calling_since) == (
        2,
        0,
        None,
        None,
        None,
    )


@pytest.mark.requirement("R5.3")
@pytest.mark.parametrize("reason", ["opted_out", "refused", "no_answer"])
def test_nobody_is_asked_when_asking_is_over(reason: Literal["opted_out", "refused", "no_answer"]) -> None:
    scenario = answered().do(EndCallback(reason=reason))
    assert scenario.do(CallBack(attempt=2, means="sms")).refusal_code == "ended"
    assert scenario.do(StartCallback(), unit=CENTRE).refusal_code == "ended"
    assert scenario.types[-1] == "callback_ended"


@pytest.mark.requirement("R5.3")
def test_that_a_customer_wants_no_question_is_kept() -> None:
    scenario = answered().do(EndCallback(reason="no_answer")).do(EndCallback(reason="opted_out"))
    assert scenario.current.callback_ended == "opted_out"
    assert scenario.do(EndCallback(reason="no_answer")).refusal_code == "ended"
    assert scenario.current.callback_ended == "opted_out"


@pytest.mark.requirement("R5.3")
def test_a_call_that_somebody_has_taken_is_left_to_them_for_a_while() -> None:
    scenario = answered()
    scenario.do(StartCallback(), unit=CENTRE, person="first")
    assert (
        scenario.advance(CALL_LEASE - MINUTE).do(StartCallback(), unit=CENTRE, person="second").refusal_code == "taken"
    )
    scenario.advance(MINUTE).do(StartCallback(), unit=CENTRE, person="second")
    assert scenario.current.calling == "second"
