"""Asking the customer, as the ledger decides it: what a new run begins with, and when asking is over (R5.3-R5.5)."""

from typing import Literal

import pytest

from schemas.action import Answer, FeedBack, Open, Reject, Reopen
from schemas.customer_actions import AnswerSurvey, CallBack, EndCallback, RecordCallback, Screen, StartCallback
from schemas.ticket import Survey
from services.domain.ids import ticket_id
from services.domain.policy import loading
from services.domain.policy.outcome import CALL_TAKES
from services.router.domain.classify import classify
from services.shared.runtime.settings import PROJECT
from tests.builders import CENTRE, HOUR, MINUTE, Tale, contact

BAD = Survey(process=1, result=2, staff=3)


def answered() -> Tale:
    tale = Tale.dispatched().do(FeedBack(result="r", cause="c"), unit="network")
    return tale.do(Answer(explanation="e", agreement="agreed"), unit=CENTRE).after(25 * HOUR)


def answered_where_the_next_level_takes_over() -> Tale:
    """Return a ticket of a pack in which a rejected outcome goes up the ladder."""
    pack = loading.load_one(PROJECT / "policies", "call_centre")
    first = contact(policy="call_centre")
    tale = Tale(now=first.received_at, id=ticket_id(first.id), pack=pack)
    tale.do(Open(contact=first, classification=classify(first, pack)))
    return tale.do(Answer(explanation="e", result="r", agreement="agreed"), unit=tale.it.centre)


@pytest.mark.requirement("R5.5")
def test_a_reopened_case_is_screened_a_second_time() -> None:
    tale = answered().do(AnswerSurvey(survey=BAD)).do(Screen(wrong_handling=False, reason="x"), unit=CENTRE)
    tale.do(Reopen(reason="again"), unit=CENTRE)
    assert tale.it.screened is None
    tale.do(FeedBack(result="r", cause="c"), unit="network")
    tale.do(Answer(explanation="e", agreement="agreed"), unit=CENTRE).after(25 * HOUR).do(AnswerSurvey(survey=BAD))
    tale.do(Screen(wrong_handling=True, reason="y"), unit=CENTRE)
    assert tale.it.screened == "wrong_handling"


@pytest.mark.requirement("R5.3", "R3.6")
def test_a_rejected_outcome_begins_a_run_in_which_the_customer_is_asked_from_the_start() -> None:
    tale = answered_where_the_next_level_takes_over().do(RecordCallback(result="no_answer")).do(StartCallback())
    tale.do(EndCallback(reason="no_answer")).do(Reject(reason="not solved"))
    ticket = tale.it
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
    tale = answered().do(EndCallback(reason=reason))
    assert tale.do(CallBack(attempt=2, means="sms")).refused == "ended"
    assert tale.do(StartCallback()).refused == "ended"
    assert tale.types[-1] == "callback_ended"


@pytest.mark.requirement("R5.3")
def test_that_a_customer_wants_no_question_is_kept() -> None:
    tale = answered().do(EndCallback(reason="no_answer")).do(EndCallback(reason="opted_out"))
    assert tale.it.callback_ended == "opted_out"
    assert tale.do(EndCallback(reason="no_answer")).refused == "ended"
    assert tale.it.callback_ended == "opted_out"


@pytest.mark.requirement("R5.3")
def test_a_call_that_somebody_has_taken_is_left_to_them_for_a_while() -> None:
    tale = answered()
    tale.do(StartCallback(), unit="first")
    assert tale.after(CALL_TAKES - MINUTE).do(StartCallback(), unit="second").refused == "taken"
    tale.after(MINUTE).do(StartCallback(), unit="second")
    assert tale.it.calling == "second"
