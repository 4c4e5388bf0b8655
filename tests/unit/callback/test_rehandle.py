"""The re-handle ticket after a bad result of the survey."""

import pytest

from schemas.action import Answer, FeedBack, LinkTo, Open
from schemas.customer_actions import AnswerSurvey, Screen
from schemas.event import TicketEvent
from schemas.ticket import Survey
from services.callback.domain import rehandle
from tests.builders import CENTRE, HOUR, TicketScenario


def dissatisfied() -> TicketEvent:
    scenario = TicketScenario.dispatched().do(FeedBack(result="已修复", cause="线路"), unit="network")
    scenario.do(Answer(explanation="已修复", agreement="agreed"), unit=CENTRE).advance(25 * HOUR)
    scenario.do(AnswerSurvey(survey=Survey(process=1, result=2, staff=5, comment="还是慢")))
    scenario.do(Screen(wrong_handling=True, reason="the line was not tested"), unit=CENTRE)
    return scenario.events[-1]


@pytest.mark.requirement("R5.5")
def test_a_bad_result_opens_a_ticket_for_the_same_department_and_links_both() -> None:
    event = dissatisfied()
    opening, linking = rehandle.rehandle_commands(event, event.at)
    assert isinstance(opening.action, Open)
    assert isinstance(linking.action, LinkTo)
    assert opening.action.classification.department == "network"
    assert opening.action.links[0].ticket_id == event.ticket_id == linking.ticket_id
    assert linking.action.link.ticket_id == opening.ticket_id
    assert "还是慢" in opening.action.contact.text
    again = TicketScenario(now=event.at, id=opening.ticket_id).decide(opening)
    assert again.types == ["accepted", "form_completed"]


def test_the_same_event_again_leads_to_the_same_commands() -> None:
    event = dissatisfied()
    assert rehandle.rehandle_commands(event, event.at) == rehandle.rehandle_commands(event, event.at)
