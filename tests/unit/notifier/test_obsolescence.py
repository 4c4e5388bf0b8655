"""When a queued notice is no longer true."""

from typing import Any

import pytest

from schemas.action import Answer, FeedBack, Reopen, ReplyProgress
from services.notifier.domain.notices import plan_notices
from services.notifier.domain.obsolescence import TicketSnapshot, is_obsolete
from tests.builders import CENTRE, HOUR, PACK, TicketScenario


def snapshot(status: str = "handling", *, run: int = 1, running: tuple[str, ...] = (), **more: Any) -> TicketSnapshot:
    return TicketSnapshot(status, run, running=frozenset(running), **more)


@pytest.mark.parametrize(
    ("until", "ticket", "expected"),
    [
        ("always", snapshot("archived", run=3), False),
        ("answered", snapshot("answered"), True),
        ("answered", snapshot("fed_back"), False),
        ("closed", snapshot("answered"), False),
        ("closed", snapshot("withdrawn"), True),
        # The acceptance after the answer; after an answer on the spot it is all that there is in writing.
        ("answer_sent", snapshot("answered"), True),
        ("answer_sent", snapshot("closed", settled=True), False),
        ("answer_sent", snapshot("withdrawn", settled=True), True),
        # The answer of a run that was reopened meanwhile.
        ("reopened", snapshot("closed"), False),
        ("reopened", snapshot("dispatched", run=2), True),
        ("reopened", snapshot("withdrawn"), True),
        ("surveyed", snapshot("closed"), False),
        ("surveyed", snapshot("closed", surveyed=True), True),
        ("surveyed", snapshot("answered", callback_ended="opted_out"), True),
        ("surveyed", snapshot("answered", callback_ended="no_answer"), False),
        ("surveyed", snapshot("accepted", run=2), True),
        ("surveyed", snapshot("withdrawn"), True),
        ("acted", snapshot(running=("handling/1/1",)), False),
        ("acted", snapshot(running=("handling/1/1",), acted=True), True),
        ("acted", snapshot("fed_back", running=("answer/1/1",)), True),
        ("acted", snapshot("answered", running=("handling/1/1",)), True),
        ("stopped", snapshot(running=("handling/1/1",), acted=True), False),
        ("stopped", snapshot(running=("handling/2/1",)), True),
    ],
)
def test_a_notice_is_obsolete_by_the_condition_of_its_rule(until: str, ticket: TicketSnapshot, expected: bool) -> None:  # noqa: FBT001
    assert is_obsolete(until, 1, "handling/1/1", ticket) is expected


def test_the_common_rules_say_when_their_notices_become_obsolete() -> None:
    until = {(rule.event, rule.to): rule.until for rule in PACK.notices.notices}
    assert until["called_back", "customer"] == "surveyed"
    assert until["answered", "customer"] == "reopened"
    assert until["accepted", "customer"] == "answer_sent"
    assert until["warned", "units"] == "acted"


def test_a_notice_holds_the_run_and_the_timer_that_it_is_about() -> None:
    scenario = TicketScenario.dispatched().advance(24 * HOUR).tick()
    warned = next(event for event in scenario.events if event.type == "warned")
    warning = next(plan_notices(warned, PACK))
    assert (warning.run, warning.clock, warning.until) == (1, "handling/1/1", "acted")
    scenario.do(FeedBack(result="已修复", cause="线路"), unit="network")
    scenario.do(Answer(explanation="已修复", agreement="agreed"), unit=CENTRE)
    scenario.do(Reopen(reason="还是断网"), unit=CENTRE)
    scenario.do(ReplyProgress(text="再次处理"), unit=CENTRE)
    (last,) = plan_notices(scenario.events[-1], PACK)
    assert last.run == 2
