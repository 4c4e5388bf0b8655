"""Until when the customer may appeal: five months for charges, two years for the rest (DECISIONS 37)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from schemas.action import JoinCall, Reclassify
from schemas.call import Call
from schemas.event import TicketEvent
from schemas.ticket import AppealBar, Ticket
from services.ledger.document_cache import DocumentCache
from services.ledger.domain.evolve import fold
from tests.builders import CENTRE, HOUR, MORNING, PACKS, TicketScenario, contact

CHARGES = "4G多扣话费"


def bar(scenario: TicketScenario) -> AppealBar:
    assert scenario.current.appeal_bar is not None
    return scenario.current.appeal_bar


@pytest.mark.requirement("R4.4")
@pytest.mark.parametrize(
    ("text", "name", "at"),
    [
        (CHARGES, "charges", datetime(2026, 8, 12, 9, 30, tzinfo=UTC)),
        ("家里宽带网速很慢", "others", datetime(2028, 3, 12, 9, 30, tzinfo=UTC)),
        ("你好", "others", datetime(2028, 3, 12, 9, 30, tzinfo=UTC)),
    ],
)
def test_the_bar_of_a_complaint_is_on_the_ticket_from_its_acceptance(text: str, name: str, at: datetime) -> None:
    scenario = TicketScenario.opened(contact(text=text))
    found = bar(scenario)
    assert (found.name, found.since, found.at) == (name, MORNING, at)
    assert found.provisional == (name == "others")
    assert "35" in found.source


@pytest.mark.requirement("R4.4")
@pytest.mark.parametrize(
    ("known", "at"),
    [
        # A month ends on its last day, and a day is one of the pack's zone: 31 January in UTC may be 1 February there.
        ({"occurred_at": datetime(2026, 1, 31, 4, tzinfo=UTC)}, datetime(2026, 6, 30, 9, 30, tzinfo=UTC)),
        ({"occurred_at": datetime(2026, 1, 31, 17, tzinfo=UTC)}, datetime(2026, 7, 1, 9, 30, tzinfo=UTC)),
        ({"occurred_on": date(2026, 1, 31)}, datetime(2026, 6, 30, 9, 30, tzinfo=UTC)),
        # 13 June 2026 is a Saturday: the next working day (Civil Code, as the pack rolls).
        ({"occurred_at": datetime(2026, 1, 13, 4, tzinfo=UTC)}, datetime(2026, 6, 15, 9, 30, tzinfo=UTC)),
        # Nothing occurs after the contact that complains of it.
        ({"occurred_at": MORNING + HOUR}, datetime(2026, 8, 12, 9, 30, tzinfo=UTC)),
        ({"occurred_on": date(2026, 3, 12)}, datetime(2026, 8, 12, 9, 30, tzinfo=UTC)),
    ],
)
def test_it_counts_from_when_the_matter_occurred(known: dict[str, Any], at: datetime) -> None:
    assert bar(TicketScenario.opened(contact(text=CHARGES, **known))).at == at


@pytest.mark.requirement("R4.4", "R2.7")
def test_another_problem_type_has_another_bar_from_the_same_day() -> None:
    scenario = TicketScenario.opened(contact(text=CHARGES, occurred_at=MORNING - timedelta(days=10)))
    changed = scenario.current.classification.replace(problem_type="network_quality")
    scenario.do(Reclassify(classification=changed, reason="r"), unit=CENTRE)
    assert (bar(scenario).name, bar(scenario).at) == ("others", datetime(2028, 3, 2, 9, 30, tzinfo=UTC))
    assert scenario.events[-1].changes["appeal_bar"] == bar(scenario)
    scenario.do(Reclassify(classification=changed.replace(kind="appeal"), reason="r"), unit=CENTRE)
    assert scenario.current.appeal_bar is None


@pytest.mark.requirement("R2.1", "R4.4")
def test_the_call_that_came_before_the_form_moves_it() -> None:
    scenario = TicketScenario.opened(contact(text=CHARGES))
    started = MORNING - timedelta(days=1)
    scenario.do(JoinCall(call=Call(id="c1", started_at=started)))
    assert scenario.refusals == []
    assert bar(scenario).since == started


@pytest.mark.requirement("R8")
@pytest.mark.parametrize("name", sorted(set(PACKS) - {"carrier"}))
def test_a_pack_without_bars_leaves_it_unset(name: str) -> None:
    assert TicketScenario.opened(contact(text="投诉收费"), pack=PACKS[name]).current.appeal_bar is None


@pytest.mark.requirement("R4.4")
def test_it_is_published_and_folded() -> None:
    scenario = TicketScenario.opened(contact(text=CHARGES))
    published = Ticket.from_json(DocumentCache().published_ticket(scenario.current))
    assert published.appeal_bar == bar(scenario)
    stored = [TicketEvent.from_record(event.to_json()).change for event in scenario.events]
    assert fold(stored)[-1].ticket == scenario.current
