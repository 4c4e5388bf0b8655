"""A stored ticket stays small however much is done to it, and nothing of it is lost (DECISIONS 38)."""

from typing import Any

import pytest

from schemas.action import Attach, Compensate, DenyExtension, Dispatch, LinkTo, RecordEntry, RequestExtension, SendBack
from schemas.contact import Evidence
from schemas.event import TicketChange
from schemas.ticket import Ticket
from services.domain.whole_ticket import LATEST, whole_lists
from services.ledger.domain.bounded_ticket import (
    LATEST_RUNS,
    LONGEST_TEXT,
    MARK_LENGTH,
    MAX_CLOCKS,
    MAX_MARKS,
    trimmed_clocks,
)
from services.ledger.domain.evolve import fold
from services.ledger.domain.published import MAX_EVENT, MAX_TICKET
from tests.builders import CENTRE, HOUR, MINUTE, TicketScenario
from tests.load import growth


def scan(number: int) -> Evidence:
    return Evidence(kind="scan", reference=f"s3://papers/{number}")


def stored(scenario: TicketScenario) -> list[dict[str, Any]]:
    """Return the events as they are read back from the database."""
    return [event.change.to_plain() for event in scenario.events]


def folded(scenario: TicketScenario) -> Ticket:
    return fold(TicketChange.from_plain(event) for event in stored(scenario))[-1].ticket


@pytest.mark.fuzz
def test_ten_thousand_commands_keep_sizes_and_costs() -> None:
    slices, ticket = growth.measure()
    quarter = growth.COMMANDS // 4
    counts = (ticket.evidence_count, ticket.entries_count, ticket.links_count, ticket.reminders)
    assert counts == (quarter, quarter, quarter, quarter)
    assert max(part.stored for part in slices) <= MAX_TICKET
    assert max(part.state for part in slices) <= MAX_TICKET
    assert max(part.event for part in slices) <= MAX_EVENT
    # A generous bound for a busy machine; `python -m tests.load.growth` prints the exact ratio.
    assert min(part.microseconds for part in slices[-4:]) < 2 * min(part.microseconds for part in slices[:4])


def test_what_the_ticket_holds_no_more_stands_in_its_events() -> None:
    scenario = TicketScenario.dispatched().advance(MINUTE)
    long = "的" * 3 * LONGEST_TEXT
    for number in range(8):
        scenario.do(Attach(evidence=(scan(2 * number), scan(2 * number + 1))), unit=CENTRE)
        scenario.do(RecordEntry(kind="report", text=f"{number}{long}"), unit=CENTRE)
    ticket, whole = scenario.current, whole_lists(stored(scenario))
    assert [paper.reference for paper in ticket.evidence] == [scan(number).reference for number in range(11, 16)]
    assert [paper["reference"] for paper in whole["evidence"]] == [scan(number).reference for number in range(16)]
    assert [entry["text"] for entry in whole["entries"]] == [f"{number}{long}" for number in range(8)]
    assert max(len(entry.text or "") for entry in ticket.entries) == LONGEST_TEXT + 1
    assert (ticket.evidence_count, ticket.entries_count, len(ticket.entries)) == (16, 8, LATEST)
    assert folded(scenario) == ticket


def test_one_event_may_add_more_than_stays() -> None:
    scenario = TicketScenario.dispatched().do(Attach(evidence=tuple(map(scan, range(20)))))
    scenario.do(Attach(evidence=tuple(map(scan, range(15, 40)))))
    assert (scenario.current.evidence_count, len(scenario.current.evidence)) == (40, LATEST)
    whole = whole_lists(stored(scenario))["evidence"]
    assert [paper["reference"] for paper in whole] == [scan(number).reference for number in range(40)]
    assert folded(scenario) == scenario.current


def test_papers_and_links_are_recognised_when_they_are_not_on_the_ticket_any_more() -> None:
    scenario = TicketScenario.dispatched()
    pairs = [(action, unit) for (action, unit), _ in zip(growth.actions(), range(4 * MAX_MARKS // 2), strict=False)]
    for action, unit in pairs:
        scenario.do(action, unit=unit)
    known = scenario.current.version
    for action, unit in pairs:
        if isinstance(action, Attach | LinkTo):
            scenario.do(action, unit=unit)
    assert scenario.current.version == known
    assert len(scenario.current.evidence_marks) <= MAX_MARKS * MARK_LENGTH


def test_compensation_is_limited_by_all_that_was_granted() -> None:
    scenario = TicketScenario.dispatched()
    for _ in range(20):
        scenario.do(Compensate(covers="service_use", amount="3", text="sorry"), unit=CENTRE, level="agent")
    ticket = scenario.current
    granted = ticket.compensations_count
    assert granted > 0
    assert ticket.compensation_total == str(3 * granted)
    assert len(ticket.compensations) == min(granted, LATEST)
    assert scenario.refusal_code == "beyond_authority"


def test_requests_for_more_time_are_bounded_and_still_counted() -> None:
    scenario = TicketScenario.dispatched().advance(MINUTE)
    for number in range(1, 9):
        until = scenario.timer("handling").due_at + number * MINUTE
        scenario.do(RequestExtension(committed_until=until, explanation="x" * 5000), unit="network")
        scenario.do(DenyExtension(reason="no"), unit=CENTRE).advance(MINUTE)
    ticket = scenario.current
    assert (ticket.extensions_count, len(ticket.extensions), ticket.extensions_approved) == (8, LATEST, 0)
    assert {extension.state for extension in ticket.extensions} == {"denied"}
    whole = whole_lists(stored(scenario))["extensions"]
    assert [len(extension["explanation"]) for extension in whole] == [5000] * 8
    assert {extension["state"] for extension in whole} == {"denied"}
    assert folded(scenario) == ticket


def test_of_many_clocks_those_stay_that_decisions_need() -> None:
    scenario = TicketScenario.dispatched().advance(30 * HOUR).tick()
    (breached,) = (timer for timer in scenario.current.clocks if timer.name == "handling")
    runs = [
        breached.replace(run=number, limit=limit, stopped_at=scenario.now, thresholds=())
        for number in range(2, 12)
        for limit in (1, 2, 3)
    ]
    clocks = (*scenario.current.clocks, *runs)
    kept = trimmed_clocks(clocks)
    assert len(clocks) > MAX_CLOCKS
    assert trimmed_clocks(kept) == kept
    assert breached in kept
    assert [(timer.run, timer.limit) for timer in kept if timer.name == "handling" and timer.run > 1] == [
        (number, limit) for number in range(12 - LATEST_RUNS, 12) for limit in (1, 3)
    ]


def test_going_back_and_forth_does_not_make_a_ticket_larger() -> None:
    scenario, sizes = TicketScenario.opened().advance(MINUTE), list[int]()
    for _ in range(100):
        scenario.do(Dispatch(unit="network"), unit=CENTRE).advance(MINUTE)
        scenario.do(SendBack(reason="not ours"), unit="network").advance(MINUTE)
        sizes.append(len(scenario.current.to_json()))
    assert max(sizes) <= MAX_TICKET
    assert sizes[-1] < 1.2 * max(sizes[:20])
    assert folded(scenario) == scenario.current
    assert len(whole_lists(stored(scenario))["clocks"]) == scenario.current.clocks_count
