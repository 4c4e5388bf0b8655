"""A major problem is reported at once, whenever the ticket becomes one, and never twice."""

from dataclasses import replace
from uuid import UUID

import pytest

from schemas.action import Assess, Close, JoinHotIssue, Note, Reclassify
from services.domain.policy.conditions import When
from services.domain.policy.routing import AlertRule
from tests.builders import CENTRE, HOUR, MINUTE, TicketScenario, contact

MAJOR = "a major problem is reported at once"
ISSUE = UUID(int=7)


def with_alerts(scenario: TicketScenario, **conditions: When) -> TicketScenario:
    """Let a scenario go on under a pack with these alerts, by name."""
    alerts = tuple(
        AlertRule.model_validate({"name": name, "when": when, "units": ["hq_centre"], "ours": "a test"})
        for name, when in conditions.items()
    )
    routing = scenario.pack.routing.model_copy(update={"alerts": alerts})
    scenario.pack = replace(scenario.pack, routing=routing)
    return scenario


def signalled(scenario: TicketScenario, *signals: str) -> Reclassify:
    classification = scenario.current.classification
    return Reclassify(classification=classification.replace(signals=signals, priority=1), reason="the press called")


def reports(scenario: TicketScenario) -> list[str]:
    return [str(event.details["reason"]) for event in scenario.events if event.type == "reported"]


@pytest.mark.requirement("R3.10")
def test_a_ticket_that_is_reclassified_to_a_major_problem_is_reported_once() -> None:
    scenario = TicketScenario.opened().advance(HOUR)
    assert reports(scenario) == []
    scenario.do(signalled(scenario, "severity"), unit=CENTRE)
    assert reports(scenario) == [MAJOR]
    report = scenario.events[-1]
    assert report.details["notifies"] == ["provincial_service", "hq_centre"]
    assert report.at == scenario.now
    scenario.advance(MINUTE).do(signalled(scenario), unit=CENTRE)
    scenario.advance(MINUTE).do(signalled(scenario, "severity", "urgency"), unit=CENTRE)
    scenario.do(Note(text="x"), unit=CENTRE)
    assert reports(scenario) == [MAJOR]


@pytest.mark.requirement("R3.10")
def test_what_was_reported_at_acceptance_is_not_reported_again() -> None:
    scenario = TicketScenario.opened(contact(text="宽带断网,我已经联系记者曝光"))
    assert scenario.types[:2] == ["accepted", "reported"]
    scenario.advance(MINUTE).do(signalled(scenario), unit=CENTRE)
    scenario.advance(MINUTE).do(signalled(scenario, "severity"), unit=CENTRE)
    assert reports(scenario) == [MAJOR]


@pytest.mark.requirement("R3.10")
def test_a_ticket_of_a_version_without_the_list_is_not_reported_again() -> None:
    scenario = TicketScenario.opened(contact(text="宽带断网,我已经联系记者曝光"))
    scenario.ticket = scenario.current.replace(reported=None)
    scenario.advance(MINUTE).do(signalled(scenario, "severity", "breadth"), unit=CENTRE)
    assert reports(scenario) == [MAJOR]


@pytest.mark.requirement("R3.7", "R3.10")
def test_a_ticket_that_joins_a_hot_issue_is_reported_where_breadth_is_major() -> None:
    scenario = with_alerts(TicketScenario.opened(), broad=When(signal=("breadth",)), severe=When(signal=("severity",)))
    scenario.do(JoinHotIssue(issue=ISSUE, tickets=12)).do(JoinHotIssue(issue=UUID(int=8), tickets=13))
    assert reports(scenario) == ["broad"]


@pytest.mark.requirement("R3.10")
def test_a_ticket_that_becomes_late_or_is_judged_is_reported_where_that_is_major() -> None:
    scenario = with_alerts(TicketScenario.opened(), late=When(late=True), liable=When(liability=("liable",)))
    scenario.do(Assess(liability="liable", reason="our fault"), unit=CENTRE)
    assert reports(scenario) == ["liable"]
    # The promise is broken; the command that comes then is refused.
    scenario.advance(100 * HOUR).do(Close(), unit="network")
    assert scenario.refusal_code
    assert reports(scenario) == ["liable", "late"]


def test_a_tick_reports_what_time_has_made_major() -> None:
    scenario = with_alerts(TicketScenario.opened(), late=When(late=True))
    assert reports(scenario.advance(100 * HOUR).tick().advance(HOUR).tick()) == ["late"]
