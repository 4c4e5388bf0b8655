"""Tickets with a typical course, as the KPIs see them."""

from schemas.action import Answer, Close, Dispatch, FeedBack, SendBack
from schemas.customer_actions import AnswerSurvey, CallBack
from schemas.ticket import Survey
from services.domain.kpi.cases import Case, CaseEvent, build_case
from tests.builders import CENTRE, HOUR, PACK, TicketScenario, contact, settlement


def case_of(scenario: TicketScenario) -> Case:
    history = [CaseEvent(each.type, each.at, each.details.get("agreement")) for each in scenario.events]
    return build_case(scenario.current, history, PACK, scenario.now)


def good() -> TicketScenario:
    scenario = TicketScenario.dispatched().advance(10 * HOUR).do(FeedBack(result="r", cause="c"), unit="network")
    scenario.advance(HOUR).do(Answer(explanation="e", agreement="agreed"), unit=CENTRE)
    return scenario.do(Close(), unit=CENTRE).advance(30 * HOUR).do(CallBack(attempt=1, means="sms"))


def late() -> TicketScenario:
    scenario = TicketScenario.dispatched().advance(47 * HOUR).do(FeedBack(result="r", cause="c"), unit="network")
    return scenario.advance(4 * HOUR).do(Answer(explanation="e", agreement="agreed"), unit=CENTRE)


def refused() -> TicketScenario:
    scenario = TicketScenario.dispatched().advance(10 * HOUR).do(FeedBack(result="r", cause="c"), unit="network")
    return scenario.advance(HOUR).do(Answer(explanation="e", agreement="refused"), unit=CENTRE)


def on_the_spot() -> TicketScenario:
    return TicketScenario.opened(contact(settlement=settlement()))


def misdirected() -> TicketScenario:
    scenario = TicketScenario.dispatched().advance(HOUR).do(SendBack(reason="x"), unit="network")
    return scenario.do(Dispatch(unit="billing"), unit=CENTRE)


def late_in_one_stage() -> TicketScenario:
    """Return a ticket of five stages that is closed and in the archive's keeping; handling and promise were late."""
    scenario = TicketScenario.dispatched().advance(60 * HOUR).do(FeedBack(result="r", cause="c"), unit="network")
    scenario.advance(HOUR).do(Answer(explanation="e", agreement="agreed"), unit=CENTRE)
    scenario.do(Close(), unit=CENTRE).do(CallBack(attempt=1, means="phone"))
    return scenario.do(AnswerSurvey(survey=Survey(process=5, result=5, staff=5)))
