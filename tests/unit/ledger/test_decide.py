"""A ticket's life from the first contact to the archive, as people see it."""

from datetime import timedelta
from uuid import uuid4

import pytest

from schemas.action import (
    Answer,
    Claim,
    Close,
    CompleteForm,
    Dispatch,
    Escalate,
    FeedBack,
    LinkTo,
    Note,
    Open,
    Reclassify,
    Remind,
    Reopen,
    ReplyProgress,
    RequestAssistance,
    SendBack,
    Supervise,
    Transfer,
    Withdraw,
)
from schemas.contact import Customer
from schemas.customer_actions import AnswerSurvey, CallBack, EndCallback
from schemas.ticket import Link, Status, Survey
from services.domain.classify import classify
from tests.builders import CENTRE, HOUR, MINUTE, MORNING, PACK, TicketScenario, contact, settlement


def answered() -> TicketScenario:
    scenario = TicketScenario.dispatched().advance(HOUR).do(FeedBack(result="已修复", cause="光缆中断"), unit="network")
    return scenario.advance(HOUR).do(Answer(explanation="已修复", agreement="agreed"), unit=CENTRE)


@pytest.mark.requirement("R2.2", "R2.6", "R4.2")
def test_a_contact_opens_a_ticket_with_a_promised_answer_time() -> None:
    scenario = TicketScenario.opened()
    assert scenario.types == ["accepted", "form_completed"]
    assert scenario.current.status is Status.ACCEPTED
    assert scenario.current.unit == CENTRE
    assert scenario.current.promised_at == MORNING + timedelta(hours=48)


def test_the_same_open_again_changes_nothing() -> None:
    scenario = TicketScenario.opened()
    again = Open(contact=contact(), classification=classify(contact(), PACK))
    assert scenario.do(again).types == ["accepted", "form_completed"]


@pytest.mark.requirement("R2.5", "R4.2")
def test_an_incomplete_form_has_an_hour() -> None:
    scenario = TicketScenario.opened(contact(text="", flags=("no_text", "incomplete")))
    assert scenario.types == ["accepted"]
    assert scenario.timer("form").due_at == MORNING + HOUR
    scenario.advance(30 * MINUTE).do(CompleteForm(), unit="channel")
    assert scenario.current.flags == ("no_text",)
    assert scenario.timer("form").stopped_at == scenario.now
    assert scenario.timer("review").due_at == scenario.now + 4 * HOUR
    assert scenario.do(CompleteForm(), unit="channel").refusal_code == "complete"


@pytest.mark.requirement("R4.2")
def test_a_contact_that_was_written_down_late_has_used_its_time() -> None:
    scenario = TicketScenario.opened(contact(contacted_at=MORNING - 3 * HOUR))
    assert scenario.current.promised_at == MORNING - 3 * HOUR + timedelta(hours=48)


@pytest.mark.requirement("R4.2")
def test_a_sender_s_clock_in_the_future_gives_no_extra_time() -> None:
    scenario = TicketScenario.opened(contact(contacted_at=MORNING + 5 * HOUR))
    assert scenario.current.promised_at == MORNING + timedelta(hours=48)


@pytest.mark.requirement("R2.2", "R5.2")
def test_settled_on_the_spot_with_everything_closing_needs_is_closed_at_once() -> None:
    scenario = TicketScenario.opened(contact(settlement=settlement()))
    assert scenario.types == ["accepted", "form_completed", "answered", "closed"]
    assert scenario.current.status is Status.CLOSED


@pytest.mark.requirement("R5.2")
def test_settled_on_the_spot_without_cause_and_owner_waits_for_them() -> None:
    scenario = TicketScenario.opened(contact(settlement=settlement(cause=None, owner=None)))
    assert scenario.current.status is Status.ANSWERED
    scenario.do(Close(), unit=CENTRE)
    assert scenario.refusal_code == "missing"
    assert scenario.refusals[-1].missing == ("cause", "owner")
    assert scenario.do(Close(cause="客户不了解规则", owner="channel"), unit=CENTRE).current.status is Status.CLOSED


@pytest.mark.requirement("R3.9")
def test_the_way_there_and_back() -> None:
    scenario = TicketScenario.dispatched()
    assert (scenario.current.unit, scenario.current.status, scenario.current.dispatched_by) == (
        "network",
        Status.DISPATCHED,
        (CENTRE,),
    )
    scenario.do(Claim(person="王工"), unit="network")
    assert (scenario.current.status, scenario.current.person) == (Status.HANDLING, "王工")
    scenario.do(FeedBack(result="已修复", cause="光缆中断"), unit="network")
    assert (scenario.current.unit, scenario.current.status, scenario.current.handled_by) == (
        CENTRE,
        Status.FED_BACK,
        "network",
    )
    assert scenario.current.outcome.owner == "network"


@pytest.mark.requirement("R3.9")
def test_feedback_goes_back_the_way_the_ticket_came() -> None:
    scenario = TicketScenario.dispatched("fixed_owner").do(Dispatch(unit="network"), unit="fixed_owner")
    scenario.do(FeedBack(result="已修复", cause="光缆中断"), unit="network")
    assert scenario.types[-1] == "handed_up"
    assert (scenario.current.unit, scenario.current.status) == ("fixed_owner", Status.HANDLING)
    assert scenario.timer("handling").stopped_at is None
    scenario.do(FeedBack(result="已修复", cause="光缆中断"), unit="fixed_owner")
    assert (scenario.current.unit, scenario.current.status) == (CENTRE, Status.FED_BACK)


@pytest.mark.requirement("R3.9")
def test_nobody_waits_for_feedback_once_the_centre_has_it() -> None:
    scenario = TicketScenario.dispatched("mobile_owner")
    scenario.do(Transfer(unit=CENTRE, reason="r"), unit="mobile_owner").do(Dispatch(unit="network"), unit=CENTRE)
    assert scenario.current.dispatched_by == (CENTRE, CENTRE)
    scenario.do(FeedBack(result="r", cause="c"), unit="network")
    after = scenario.current
    assert (after.status, after.unit, len(after.dispatched_by)) == (Status.FED_BACK, CENTRE, 0)


@pytest.mark.requirement("R3.5", "R4.11")
def test_a_ticket_that_is_sent_back_keeps_the_time_its_stage_has_used() -> None:
    scenario = TicketScenario.dispatched("billing").advance(2 * HOUR)
    scenario.do(SendBack(reason="不属于本部门"), unit="billing")
    assert (scenario.current.unit, scenario.current.status) == (CENTRE, Status.ACCEPTED)
    scenario.advance(HOUR).do(Dispatch(unit="network"), unit=CENTRE)
    clock = scenario.timer("handling")
    assert (clock.run, clock.limit) == (1, 1)
    assert clock.used == 2 * HOUR
    assert clock.due_at == scenario.now + clock.length - 2 * HOUR


@pytest.mark.requirement("R4.11")
def test_a_transfer_does_not_touch_the_clock() -> None:
    scenario = TicketScenario.dispatched("billing")
    due = scenario.timer("handling").due_at
    scenario.advance(HOUR).do(Transfer(unit="network", reason="归网络"), unit="billing")
    assert (scenario.current.unit, scenario.timer("handling").due_at) == ("network", due)
    assert scenario.do(Transfer(unit="network", reason="x"), unit="network").refusal_code == "same_unit"


@pytest.mark.requirement("R3.5")
def test_the_owner_stays_responsible_when_others_assist() -> None:
    scenario = TicketScenario.dispatched("fixed_owner").do(
        RequestAssistance(unit="network", demand="测速"), unit="fixed_owner"
    )
    assert (scenario.current.unit, scenario.current.assisting) == ("fixed_owner", ("network",))
    assert scenario.do(RequestAssistance(unit="network", demand="测速"), unit="fixed_owner").refusal_code == "assisting"


@pytest.mark.requirement("R5.1")
@pytest.mark.parametrize("unit", ["network", "billing", "fixed_owner", "remote_unit"])
def test_no_department_talks_to_the_customer(unit: str) -> None:
    scenario = TicketScenario.dispatched(unit).do(Answer(explanation="已修复", agreement="agreed"), unit=unit)
    assert scenario.refusal_code == "not_allowed"
    assert scenario.do(ReplyProgress(text="处理中"), unit=unit).refusal_code == "not_allowed"
    assert scenario.current.status is Status.DISPATCHED


@pytest.mark.requirement("R5.1")
def test_nobody_answers_without_saying_for_which_unit() -> None:
    assert TicketScenario.dispatched().do(Answer(explanation="x", agreement="agreed")).refusal_code == "not_allowed"


def test_only_the_holder_or_a_supervisor_above_it_feeds_back() -> None:
    """DECISIONS 34."""
    scenario = TicketScenario.dispatched("network").do(FeedBack(result="x", cause="y"), unit="billing")
    assert scenario.refusal_code == "not_allowed"
    assert scenario.do(FeedBack(result="x", cause="y"), unit=CENTRE).refusal_code == "not_allowed"
    scenario.do(FeedBack(result="x", cause="y"), unit="provincial_service")
    assert scenario.current.status is Status.FED_BACK
    event = scenario.events[-1]
    assert (event.actor.unit, event.details["acts_for"]) == ("provincial_service", "network")


@pytest.mark.requirement("R5.8")
def test_the_answer_stops_the_promise_and_starts_the_callback() -> None:
    scenario = answered()
    assert scenario.current.status is Status.ANSWERED
    assert scenario.timer("promise").stopped_by == "answered"
    assert scenario.timer("answer").stopped_by == "answered"
    assert scenario.timer("callback").due_at == scenario.now + timedelta(days=7)


@pytest.mark.requirement("R5.2")
def test_a_customer_who_refuses_is_closed_with_that_noted() -> None:
    scenario = TicketScenario.dispatched().do(FeedBack(result="不予退费", cause="规则如此"), unit="network")
    scenario.do(Answer(explanation="规则如此", agreement="refused"), unit=CENTRE).do(Close(), unit=CENTRE)
    assert scenario.current.status is Status.CLOSED
    assert scenario.current.outcome.agreement == "refused"


@pytest.mark.requirement("R5.2")
def test_a_ticket_that_was_not_answered_cannot_be_closed() -> None:
    assert TicketScenario.dispatched().do(Close(), unit=CENTRE).refusal_code == "wrong_status"


@pytest.mark.requirement("R5.4")
@pytest.mark.parametrize(
    ("scores", "verdict"), [((5, 4, 5), "satisfied"), ((5, 3, 5), "neutral"), ((5, 2, 5), "dissatisfied")]
)
def test_the_survey_asks_three_things_and_keeps_the_answer_once(scores: tuple[int, int, int], verdict: str) -> None:
    survey = Survey(process=scores[0], result=scores[1], staff=scores[2])
    scenario = answered().advance(25 * HOUR).do(CallBack(attempt=1, means="sms")).do(AnswerSurvey(survey=survey))
    answer = next(each for each in scenario.events if each.type == "survey_answered")
    assert answer.details["verdict"] == verdict
    assert (scenario.events[-1].type == "screening_needed") == (verdict == "dissatisfied")
    assert scenario.current.survey == survey
    assert scenario.timer("callback").stopped_by == "survey_answered"
    assert scenario.do(AnswerSurvey(survey=survey)).refusal_code == "answered"
    assert scenario.do(CallBack(attempt=2, means="sms")).refusal_code == "answered"


@pytest.mark.requirement("R5.3")
def test_a_customer_who_never_answers_is_given_up_on() -> None:
    scenario = answered().do(CallBack(attempt=1, means="sms")).do(EndCallback(reason="no_answer"))
    assert scenario.current.callbacks == 1
    assert scenario.timer("callback").stopped_by == "callback_ended"


@pytest.mark.requirement("R5.3")
def test_malicious_complaints_are_not_called_back() -> None:
    classification = classify(contact(), PACK).replace(validity="malicious")
    scenario = TicketScenario.opened(contact(settlement=settlement()), classification=classification)
    assert scenario.do(CallBack(attempt=1, means="sms")).refusal_code == "never"


@pytest.mark.requirement("R2.4")
def test_a_repeat_contact_is_counted_and_changes_no_clock() -> None:
    scenario = TicketScenario.dispatched()
    clocks = scenario.current.clocks
    again = contact("m2", text="催一下")
    scenario.do(Remind(contact=again, classification=classify(again, PACK), reason="same subject"))
    assert (scenario.current.reminders, scenario.current.clocks) == (1, clocks)
    assert scenario.events[-1].details["contact_id"] == again.id


@pytest.mark.requirement("R2.4")
def test_a_disputed_answer_goes_back_to_the_department_with_a_new_run() -> None:
    scenario = answered()
    again = contact("m2", at=scenario.now, text="没有解决")
    scenario.do(Remind(contact=again, classification=classify(again, PACK), reason="same subject", disputed=True))
    assert scenario.types[-3:] == ["reminded", "reopened", "dispatched"]
    assert (scenario.current.unit, scenario.current.run, scenario.current.reopened) == ("network", 2, 1)
    assert scenario.timer("promise").run == 2
    assert scenario.current.outcome.result is None
    assert scenario.timer("callback").stopped_by == "dispatched"


@pytest.mark.requirement("R2.4")
def test_a_repeat_after_the_ticket_was_closed_long_ago_opens_a_new_one_linked_to_it() -> None:
    scenario = answered().do(Close(), unit=CENTRE).advance(timedelta(days=8))
    again = contact("m2", at=scenario.now, text="没有解决")
    scenario.do(Remind(contact=again, classification=classify(again, PACK), reason="same subject", disputed=True))
    assert scenario.current.status is Status.CLOSED
    (command,) = scenario.sent
    assert isinstance(command.action, Open)
    assert command.action.links[0].ticket_id == scenario.current.id
    assert command.ticket_id != scenario.current.id


@pytest.mark.requirement("R2.4")
def test_a_reminder_of_a_ticket_that_is_not_there_opens_one() -> None:
    again = contact("m2")
    scenario = TicketScenario().do(Remind(contact=again, classification=classify(again, PACK), reason="same subject"))
    assert scenario.types == []
    assert isinstance(scenario.sent[0].action, Open)


def test_a_withdrawn_ticket_is_over() -> None:
    scenario = TicketScenario.dispatched().do(Withdraw(reason="已自行恢复"))
    assert scenario.current.status is Status.WITHDRAWN
    assert all(each.stopped_at is not None for each in scenario.current.clocks if each.name != "archive")
    # The archive is years away: the ledger keeps its day, and no monitor the ticket (DESIGN 4).
    assert scenario.current.next_action_at is None
    assert scenario.current.archive_at == scenario.timer("archive").due_at
    assert scenario.do(Reopen(reason="x"), unit=CENTRE).refusal_code == "wrong_status"


@pytest.mark.requirement("R2.7")
def test_what_people_do_beside_the_work() -> None:
    scenario = TicketScenario.dispatched().do(Note(text="客户情绪激动"), unit="network")
    scenario.do(Supervise(reason="重点案件"), unit="provincial_service").do(Escalate(reason="久拖不决"), unit=CENTRE)
    other = Link(ticket_id=uuid4(), kind="duplicate", reason="同一故障")
    scenario.do(LinkTo(link=other)).do(LinkTo(link=other))
    assert scenario.types[-4:] == ["noted", "supervised", "escalated", "linked"]
    assert scenario.refusal_code == "linked"
    assert scenario.current.supervisions == 1


@pytest.mark.requirement("R2.7")
def test_another_tier_takes_another_limit_and_keeps_the_start() -> None:
    scenario = TicketScenario.dispatched().advance(5 * HOUR)
    classification = scenario.current.classification.replace(tier="national")
    scenario.do(Reclassify(classification=classification, reason="涉及外省"), unit=CENTRE)
    assert scenario.current.promised_at == MORNING + timedelta(hours=72)
    handling = scenario.timer("handling")
    assert (handling.limit, handling.used) == (2, 5 * HOUR)
    assert handling.length == timedelta(hours=48)


def test_a_command_to_a_version_that_is_past_is_refused_with_the_present_one() -> None:
    scenario = TicketScenario.dispatched().do(Claim(person="王工"), unit="network", expected_version=1)
    assert scenario.refusal_code == "version_mismatch"
    assert scenario.refusals[-1].current_version == 3


def test_a_command_to_no_ticket_is_refused() -> None:
    assert TicketScenario().do(Note(text="x")).refusal_code == "no_ticket"


def test_a_unit_that_the_policy_does_not_name_is_refused() -> None:
    assert TicketScenario.opened().do(Dispatch(unit="nobody"), unit=CENTRE).refusal_code == "unknown_unit"
    assert TicketScenario.opened().do(Dispatch(unit=CENTRE), unit=CENTRE).refusal_code == "same_unit"


@pytest.mark.requirement("R4.2")
def test_an_answer_given_while_the_ledger_was_down_is_not_late() -> None:
    scenario = TicketScenario.dispatched().do(FeedBack(result="x", cause="y"), unit="network")
    given = scenario.now + HOUR
    scenario.advance(3 * HOUR).do(Answer(explanation="x", agreement="agreed"), unit=CENTRE, at=given)
    assert scenario.current.breaches == 0
    assert scenario.events[-1].at == given


@pytest.mark.requirement("R4.1")
def test_vip_and_mobile_generations_get_the_lower_bound_of_the_department_limit() -> None:
    vip = TicketScenario.dispatched(opened_by=contact(customer=Customer(phone="+8613800000102", level="gold")))
    assert vip.timer("handling").length == timedelta(hours=12)
    generation = TicketScenario.dispatched(opened_by=contact(customer=Customer(phone="+8613800000103", network="5G")))
    assert generation.timer("handling").length == timedelta(hours=12)
    assert TicketScenario.dispatched().timer("handling").length == timedelta(hours=24)


@pytest.mark.requirement("R8.1")
def test_every_event_names_its_rule_and_where_the_rule_is_from() -> None:
    scenario = answered().do(Close(), unit=CENTRE)
    assert all(each.rule.rule and each.rule.source for each in scenario.events)
