"""When a notice that waits is no longer true."""

from typing import Any

import pytest

from schemas.action import Answer, FeedBack, Reopen, ReplyProgress
from services.notifier.domain.notices import notices
from services.notifier.domain.obsolescence import TicketSnapshot, is_obsolete
from tests.builders import CENTRE, HOUR, PACK, TicketScenario


def standing(status: str = "handling", *, run: int = 1, running: tuple[str, ...] = (), **more: Any) -> TicketSnapshot:
    return TicketSnapshot(status, run, running=frozenset(running), **more)


@pytest.mark.parametrize(
    ("until", "now", "expected"),
    [
        ("always", standing("archived", run=3), False),
        ("answered", standing("answered"), True),
        ("answered", standing("fed_back"), False),
        ("closed", standing("answered"), False),
        ("closed", standing("withdrawn"), True),
        # The acceptance after the answer; after an answer on the spot it is all that there is in writing.
        ("answer_sent", standing("answered"), True),
        ("answer_sent", standing("closed", settled=True), False),
        ("answer_sent", standing("withdrawn", settled=True), True),
        # The answer of a run that was disputed meanwhile.
        ("reopened", standing("closed"), False),
        ("reopened", standing("dispatched", run=2), True),
        ("reopened", standing("withdrawn"), True),
        ("surveyed", standing("closed"), False),
        ("surveyed", standing("closed", surveyed=True), True),
        ("surveyed", standing("answered", callback_ended="opted_out"), True),
        ("surveyed", standing("answered", callback_ended="no_answer"), False),
        ("surveyed", standing("accepted", run=2), True),
        ("surveyed", standing("withdrawn"), True),
        ("acted", standing(running=("handling/1/1",)), False),
        ("acted", standing(running=("handling/1/1",), acted=True), True),
        ("acted", standing("fed_back", running=("answer/1/1",)), True),
        ("acted", standing("answered", running=("handling/1/1",)), True),
        ("stopped", standing(running=("handling/1/1",), acted=True), False),
        ("stopped", standing(running=("handling/2/1",)), True),
    ],
)
def test_when_a_notice_is_no_longer_true(until: str, now: TicketSnapshot, expected: bool) -> None:  # noqa: FBT001
    assert is_obsolete(until, 1, "handling/1/1", now) is expected


def test_the_rules_of_all_packs_know_when_what_they_tell_is_over() -> None:
    until = {(each.event, each.to): each.until for each in PACK.notices.notices}
    assert until["called_back", "customer"] == "surveyed"
    assert until["answered", "customer"] == "reopened"
    assert until["accepted", "customer"] == "answer_sent"
    assert until["warned", "units"] == "acted"


def test_a_notice_knows_the_run_and_the_clock_that_it_is_about() -> None:
    scenario = TicketScenario.dispatched().advance(24 * HOUR).tick()
    warning = next(each for event in scenario.events for each in notices(event, PACK) if event.type == "warned")
    assert (warning.run, warning.clock, warning.until) == (1, "handling/1/1", "acted")
    scenario.do(FeedBack(result="已修复", cause="线路"), unit="network")
    scenario.do(Answer(explanation="已修复", agreement="agreed"), unit=CENTRE)
    scenario.do(Reopen(reason="还是断网"), unit=CENTRE)
    scenario.do(ReplyProgress(text="再次处理"), unit=CENTRE)
    (last,) = notices(scenario.events[-1], PACK)
    assert last.run == 2
