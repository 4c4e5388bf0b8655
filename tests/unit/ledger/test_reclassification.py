"""A ticket joins a hot issue of its own kind that the ledger's count confirms (R3.7, DESIGN 4)."""

from datetime import datetime
from uuid import UUID

import msgspec
import pytest

from duban.simulated_actor import simulated_actor
from schemas.action import JoinHotIssue
from schemas.command import Command
from schemas.contact import Customer
from schemas.ticket import Ticket
from services.domain.ids import hot_issue_id
from services.hot_issues.domain.burst_detection import BurstLevel, open_issue
from services.hot_issues.domain.signal import parse_signal
from services.ledger.domain.decide import DecisionResult, decide
from services.ledger.domain.reclassification import HOT_ISSUE_TICKETS, issue_key
from tests.builders import MORNING, PACK, TicketScenario, contact

CUSTOMER = Customer(name="李女士", phone="+8613800000101", city="长沙", home_region="湖南")


def opened() -> TicketScenario:
    return TicketScenario.opened(contact(customer=CUSTOMER))


def joined(ticket: Ticket, issue: UUID, opened_at: datetime | None, similar: int | None) -> DecisionResult:
    action = JoinHotIssue(issue=issue, tickets=12, opened_at=opened_at)
    actor, authority = simulated_actor(action, "carrier", None)
    command = Command(id=UUID(int=1), ticket_id=ticket.id, at=MORNING, actor=actor, authority=authority, action=action)
    return decide(ticket, command, PACK, MORNING, number="", similar=similar)


def code_of(result: DecisionResult) -> str | None:
    return result.refusal.code if result.refusal is not None else None


@pytest.mark.requirement("R3.7")
def test_ledger_and_burst_detector_mean_the_same_kind_and_the_same_issue() -> None:
    scenario = opened()
    signal = parse_signal(scenario.events[-1].to_json())
    assert signal is not None
    assert issue_key(scenario.current) == signal.key
    issue = open_issue(signal.key, BurstLevel(12, None), signal.at)
    again = msgspec.json.decode(msgspec.json.encode(issue.opened_at), type=datetime)
    assert hot_issue_id(signal.key, again) == issue.id
    assert code_of(joined(scenario.current, issue.id, again, HOT_ISSUE_TICKETS)) is None


@pytest.mark.requirement("R3.7")
def test_a_ticket_of_another_kind_joins_no_hot_issue() -> None:
    ticket = opened().current
    key = issue_key(ticket)
    assert key is not None
    others = (
        hot_issue_id(key._replace(region="岳阳"), MORNING),
        hot_issue_id(key._replace(problem_type="charging"), MORNING),
        hot_issue_id(key._replace(policy="bus"), MORNING),
        UUID(int=9),
    )
    results = [joined(ticket, issue, MORNING, 50) for issue in others]
    assert [code_of(result) for result in results] == ["another_kind"] * len(others)
    untyped = ticket.replace(classification=ticket.classification.replace(business_type=None))
    assert code_of(joined(untyped, hot_issue_id(key, MORNING), MORNING, 50)) == "another_kind"


@pytest.mark.requirement("R3.7")
def test_a_hot_issue_that_the_ledger_does_not_count_is_not_joined() -> None:
    ticket = opened().current
    key = issue_key(ticket)
    assert key is not None
    issue = hot_issue_id(key, MORNING)
    assert code_of(joined(ticket, issue, MORNING, HOT_ISSUE_TICKETS - 1)) == "not_confirmed"
    assert joined(ticket, issue, MORNING, HOT_ISSUE_TICKETS).events[-1].ticket.hot_issue == issue


def test_a_command_of_the_version_before_joins_as_it_did() -> None:
    assert code_of(joined(opened().current, UUID(int=9), None, None)) is None
