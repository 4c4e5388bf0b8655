"""A ticket's life from the first contact to the archive, as people see it."""

from datetime import timedelta

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
from services.router.domain.classify import classify
from tests.builders import CENTRE, HOUR, MINUTE, MORNING, PACK, Tale, contact, settlement


def answered() -> Tale:
    tale = Tale.dispatched().after(HOUR).do(FeedBack(result="已修复", cause="光缆中断"), unit="network")
    return tale.after(HOUR).do(Answer(explanation="已修复", agreement="agreed"), unit=CENTRE)


@pytest.mark.requirement("R2.2", "R2.6", "R4.2")
def test_a_contact_opens_a_ticket_with_a_promised_answer_time() -> None:
    tale = Tale.opened()
    assert tale.types == ["accepted", "form_completed"]
    assert tale.it.status is Status.ACCEPTED
    assert tale.it.unit == CENTRE
    assert tale.it.promised_at == MORNING + timedelta(hours=48)


def test_the_same_open_again_changes_nothing() -> None:
    tale = Tale.opened()
    again = Open(contact=contact(), classification=classify(contact(), PACK))
    assert tale.do(again).types == ["accepted", "form_completed"]


@pytest.mark.requirement("R2.5", "R4.2")
def test_an_incomplete_form_has_an_hour() -> None:
    tale = Tale.opened(contact(text="", flags=("no_text", "incomplete")))
    assert tale.types == ["accepted"]
    assert tale.clock("form").due_at == MORNING + HOUR
    tale.after(30 * MINUTE).do(CompleteForm())
    assert tale.it.flags == ("no_text",)
    assert tale.clock("form").stopped_at == tale.now
    assert tale.clock("review").due_at == tale.now + 4 * HOUR
    assert tale.do(CompleteForm()).refused == "complete"


@pytest.mark.requirement("R4.2")
def test_a_contact_that_was_written_down_late_has_used_its_time() -> None:
    tale = Tale.opened(contact(contacted_at=MORNING - 3 * HOUR))
    assert tale.it.promised_at == MORNING - 3 * HOUR + timedelta(hours=48)


@pytest.mark.requirement("R4.2")
def test_a_sender_s_clock_in_the_future_gives_no_extra_time() -> None:
    tale = Tale.opened(contact(contacted_at=MORNING + 5 * HOUR))
    assert tale.it.promised_at == MORNING + timedelta(hours=48)


@pytest.mark.requirement("R2.2", "R5.2")
def test_settled_on_the_spot_with_everything_closing_needs_is_closed_at_once() -> None:
    tale = Tale.opened(contact(settlement=settlement()))
    assert tale.types == ["accepted", "form_completed", "answered", "closed"]
    assert tale.it.status is Status.CLOSED


@pytest.mark.requirement("R5.2")
def test_settled_on_the_spot_without_cause_and_owner_waits_for_them() -> None:
    tale = Tale.opened(contact(settlement=settlement(cause=None, owner=None)))
    assert tale.it.status is Status.ANSWERED
    tale.do(Close(), unit=CENTRE)
    assert tale.refused == "missing"
    assert tale.refusals[-1].missing == ("cause", "owner")
    assert tale.do(Close(cause="客户不了解规则", owner="channel"), unit=CENTRE).it.status is Status.CLOSED


@pytest.mark.requirement("R3.9")
def test_the_way_there_and_back() -> None:
    tale = Tale.dispatched()
    assert (tale.it.unit, tale.it.status, tale.it.dispatched_by) == ("network", Status.DISPATCHED, (CENTRE,))
    tale.do(Claim(person="王工"), unit="network")
    assert (tale.it.status, tale.it.person) == (Status.HANDLING, "王工")
    tale.do(FeedBack(result="已修复", cause="光缆中断"), unit="network")
    assert (tale.it.unit, tale.it.status, tale.it.handled_by) == (CENTRE, Status.FED_BACK, "network")
    assert tale.it.outcome.owner == "network"


@pytest.mark.requirement("R3.9")
def test_feedback_goes_back_the_way_the_ticket_came() -> None:
    tale = Tale.dispatched("fixed_owner").do(Dispatch(unit="network"), unit="fixed_owner")
    tale.do(FeedBack(result="已修复", cause="光缆中断"), unit="network")
    assert tale.types[-1] == "handed_up"
    assert (tale.it.unit, tale.it.status) == ("fixed_owner", Status.HANDLING)
    assert tale.clock("handling").stopped_at is None
    tale.do(FeedBack(result="已修复", cause="光缆中断"), unit="fixed_owner")
    assert (tale.it.unit, tale.it.status) == (CENTRE, Status.FED_BACK)


@pytest.mark.requirement("R3.5", "R4.11")
def test_a_ticket_that_is_sent_back_keeps_the_time_its_stage_has_used() -> None:
    tale = Tale.dispatched("billing").after(2 * HOUR)
    tale.do(SendBack(reason="不属于本部门"), unit="billing")
    assert (tale.it.unit, tale.it.status) == (CENTRE, Status.ACCEPTED)
    tale.after(HOUR).do(Dispatch(unit="network"), unit=CENTRE)
    clock = tale.clock("handling")
    assert clock.run == 2
    assert clock.used == 2 * HOUR
    assert clock.due_at == tale.now + clock.length - 2 * HOUR


@pytest.mark.requirement("R4.11")
def test_a_transfer_does_not_touch_the_clock() -> None:
    tale = Tale.dispatched("billing")
    due = tale.clock("handling").due_at
    tale.after(HOUR).do(Transfer(unit="network", reason="归网络"), unit="billing")
    assert (tale.it.unit, tale.clock("handling").due_at) == ("network", due)
    assert tale.do(Transfer(unit="network", reason="x"), unit="network").refused == "same_unit"


@pytest.mark.requirement("R3.5")
def test_the_owner_stays_responsible_when_others_assist() -> None:
    tale = Tale.dispatched("fixed_owner").do(RequestAssistance(unit="network", demand="测速"), unit="fixed_owner")
    assert (tale.it.unit, tale.it.assisting) == ("fixed_owner", ("network",))
    assert tale.do(RequestAssistance(unit="network", demand="测速"), unit="fixed_owner").refused == "assisting"


@pytest.mark.requirement("R5.1")
@pytest.mark.parametrize("unit", ["network", "billing", "fixed_owner", "remote_unit"])
def test_no_department_talks_to_the_customer(unit: str) -> None:
    tale = Tale.dispatched(unit).do(Answer(explanation="已修复", agreement="agreed"), unit=unit)
    assert tale.refused == "not_allowed"
    assert tale.do(ReplyProgress(text="处理中"), unit=unit).refused == "not_allowed"
    assert tale.it.status is Status.DISPATCHED


@pytest.mark.requirement("R5.1")
def test_nobody_answers_without_saying_for_which_unit() -> None:
    assert Tale.dispatched().do(Answer(explanation="x", agreement="agreed")).refused == "not_allowed"


def test_only_the_holder_or_the_centre_acts_on_a_ticket() -> None:
    tale = Tale.dispatched("network").do(FeedBack(result="x", cause="y"), unit="billing")
    assert tale.refused == "not_holder"
    assert tale.do(FeedBack(result="x", cause="y"), unit=CENTRE).it.status is Status.FED_BACK


@pytest.mark.requirement("R5.8")
def test_the_answer_stops_the_promise_and_starts_the_callback() -> None:
    tale = answered()
    assert tale.it.status is Status.ANSWERED
    assert tale.clock("promise").stopped_by == "answered"
    assert tale.clock("answer").stopped_by == "answered"
    assert tale.clock("callback").due_at == tale.now + timedelta(days=7)


@pytest.mark.requirement("R5.2")
def test_a_customer_who_refuses_is_closed_with_that_noted() -> None:
    tale = Tale.dispatched().do(FeedBack(result="不予退费", cause="规则如此"), unit="network")
    tale.do(Answer(explanation="规则如此", agreement="refused"), unit=CENTRE).do(Close(), unit=CENTRE)
    assert tale.it.status is Status.CLOSED
    assert tale.it.outcome.agreement == "refused"


@pytest.mark.requirement("R5.2")
def test_a_ticket_that_was_not_answered_cannot_be_closed() -> None:
    assert Tale.dispatched().do(Close(), unit=CENTRE).refused == "wrong_status"


@pytest.mark.requirement("R5.4")
@pytest.mark.parametrize(
    ("scores", "verdict"), [((5, 4, 5), "satisfied"), ((5, 3, 5), "neutral"), ((5, 2, 5), "dissatisfied")]
)
def test_the_survey_asks_three_things_and_keeps_the_answer_once(scores: tuple[int, int, int], verdict: str) -> None:
    survey = Survey(process=scores[0], result=scores[1], staff=scores[2])
    tale = answered().after(25 * HOUR).do(CallBack(attempt=1, means="sms")).do(AnswerSurvey(survey=survey))
    answer = next(each for each in tale.events if each.type == "survey_answered")
    assert answer.details["verdict"] == verdict
    assert (tale.events[-1].type == "screening_needed") == (verdict == "dissatisfied")
    assert tale.it.survey == survey
    assert tale.clock("callback").stopped_by == "survey_answered"
    assert tale.do(AnswerSurvey(survey=survey)).refused == "answered"
    assert tale.do(CallBack(attempt=2, means="sms")).refused == "answered"


@pytest.mark.requirement("R5.3")
def test_a_customer_who_never_answers_is_given_up_on() -> None:
    tale = answered().do(CallBack(attempt=1, means="sms")).do(EndCallback(reason="no_answer"))
    assert tale.it.callbacks == 1
    assert tale.clock("callback").stopped_by == "callback_ended"


@pytest.mark.requirement("R5.3")
def test_malicious_complaints_are_not_called_back() -> None:
    told = classify(contact(), PACK).but(validity="malicious")
    tale = Tale.opened(contact(settlement=settlement()), classification=told)
    assert tale.do(CallBack(attempt=1, means="sms")).refused == "never"


@pytest.mark.requirement("R2.4")
def test_a_repeat_contact_is_counted_and_changes_no_clock() -> None:
    tale = Tale.dispatched()
    clocks = tale.it.clocks
    again = contact("m2", text="催一下")
    tale.do(Remind(contact=again, classification=classify(again, PACK), reason="same subject"))
    assert (tale.it.reminders, tale.it.clocks) == (1, clocks)
    assert tale.events[-1].details["contact_id"] == again.id


@pytest.mark.requirement("R2.4")
def test_a_disputed_answer_goes_back_to_the_department_with_a_new_run() -> None:
    tale = answered()
    again = contact("m2", at=tale.now, text="没有解决")
    tale.do(Remind(contact=again, classification=classify(again, PACK), reason="same subject", disputed=True))
    assert tale.types[-3:] == ["reminded", "reopened", "dispatched"]
    assert (tale.it.unit, tale.it.run, tale.it.reopened) == ("network", 2, 1)
    assert tale.clock("promise").run == 2
    assert tale.it.outcome.result is None
    assert tale.clock("callback").stopped_by == "reopened"


@pytest.mark.requirement("R2.4")
def test_a_repeat_after_the_ticket_was_closed_long_ago_opens_a_new_one_linked_to_it() -> None:
    tale = answered().do(Close(), unit=CENTRE).after(timedelta(days=8))
    again = contact("m2", at=tale.now, text="没有解决")
    tale.do(Remind(contact=again, classification=classify(again, PACK), reason="same subject", disputed=True))
    assert tale.it.status is Status.CLOSED
    (command,) = tale.sent
    assert isinstance(command.action, Open)
    assert command.action.links[0].ticket_id == tale.it.id
    assert command.ticket_id != tale.it.id


@pytest.mark.requirement("R2.4")
def test_a_reminder_of_a_ticket_that_is_not_there_opens_one() -> None:
    again = contact("m2")
    tale = Tale().do(Remind(contact=again, classification=classify(again, PACK), reason="same subject"))
    assert tale.types == []
    assert isinstance(tale.sent[0].action, Open)


def test_a_withdrawn_ticket_is_over() -> None:
    tale = Tale.dispatched().do(Withdraw(reason="已自行恢复"))
    assert tale.it.status is Status.WITHDRAWN
    assert all(each.stopped_at is not None for each in tale.it.clocks if each.name != "archive")
    assert tale.it.next_action_at == tale.clock("archive").due_at
    assert tale.do(Reopen(reason="x"), unit=CENTRE).refused == "wrong_status"


@pytest.mark.requirement("R2.7")
def test_what_people_do_beside_the_work() -> None:
    tale = Tale.dispatched().do(Note(text="客户情绪激动"), unit="network")
    tale.do(Supervise(reason="重点案件"), unit="provincial_service").do(Escalate(reason="久拖不决"), unit=CENTRE)
    other = Link(ticket_id=Tale.opened().it.id, kind="duplicate", reason="同一故障")
    tale.do(LinkTo(link=other)).do(LinkTo(link=other))
    assert tale.types[-4:] == ["noted", "supervised", "escalated", "linked"]
    assert tale.refused == "linked"
    assert tale.it.supervisions == 1


@pytest.mark.requirement("R2.7")
def test_another_tier_takes_another_limit_and_keeps_the_start() -> None:
    tale = Tale.dispatched().after(5 * HOUR)
    told = tale.it.classification.but(tier="national")
    tale.do(Reclassify(classification=told, reason="涉及外省"), unit=CENTRE)
    assert tale.it.promised_at == MORNING + timedelta(hours=72)
    handling = tale.clock("handling")
    assert (handling.limit, handling.used) == (2, 5 * HOUR)
    assert handling.length == timedelta(hours=48)


def test_a_command_to_a_version_that_is_past_is_refused_with_the_present_one() -> None:
    tale = Tale.dispatched().do(Claim(person="王工"), unit="network", expected_version=1)
    assert tale.refused == "version_mismatch"
    assert tale.refusals[-1].current_version == 3


def test_a_command_to_no_ticket_is_refused() -> None:
    assert Tale().do(Note(text="x")).refused == "no_ticket"


def test_a_unit_that_the_policy_does_not_name_is_refused() -> None:
    assert Tale.opened().do(Dispatch(unit="nobody"), unit=CENTRE).refused == "unknown_unit"
    assert Tale.opened().do(Dispatch(unit=CENTRE), unit=CENTRE).refused == "same_unit"


@pytest.mark.requirement("R4.2")
def test_an_answer_given_while_the_ledger_was_down_is_not_late() -> None:
    tale = Tale.dispatched().do(FeedBack(result="x", cause="y"), unit="network")
    given = tale.now + HOUR
    tale.after(3 * HOUR).do(Answer(explanation="x", agreement="agreed"), unit=CENTRE, at=given)
    assert tale.it.breaches == 0
    assert tale.events[-1].at == given


@pytest.mark.requirement("R4.1")
def test_vip_and_mobile_generations_get_the_lower_bound_of_the_department_limit() -> None:
    vip = Tale.dispatched(told=contact(customer=Customer(phone="+8613800000102", level="gold")))
    assert vip.clock("handling").length == timedelta(hours=12)
    generation = Tale.dispatched(told=contact(customer=Customer(phone="+8613800000103", network="5G")))
    assert generation.clock("handling").length == timedelta(hours=12)
    assert Tale.dispatched().clock("handling").length == timedelta(hours=24)


@pytest.mark.requirement("R8.1")
def test_every_event_names_its_rule_and_where_the_rule_is_from() -> None:
    tale = answered().do(Close(), unit=CENTRE)
    assert all(each.rule.rule and each.rule.source for each in tale.events)
