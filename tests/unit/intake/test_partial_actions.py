"""An action that says only what changes is completed from the ticket as it stands, and refused if that has changed."""

from typing import Any

import pytest

from schemas.command import Command
from schemas.ticket import Ticket
from services.intake.domain.fields import InvalidPayload
from services.intake.domain.partial_actions import completed, is_partial
from tests.builders import CENTRE, TicketScenario, contact

TICKET = TicketScenario.opened(contact()).current


def action(kind: str, changes: Any, **more: Any) -> dict[str, Any]:
    return {"action": {"type": kind, "set": changes, "reason": "x", **more}}


def whole(request: dict[str, Any], ticket: Ticket = TICKET) -> Any:
    document = completed(request, ticket)
    command = {
        "id": TICKET.id,
        "ticket_id": TICKET.id,
        "at": TICKET.accepted_at,
        "actor": {"kind": "unit", "name": "x"},
    }
    return Command.from_plain({**command, **document}).action


@pytest.mark.requirement("R2.7")
def test_the_other_fields_stay_and_the_reasons_say_what_was_set_by_hand() -> None:
    found = whole(action("reclassify", {"tier": "national", "priority": 1})).classification
    before = TICKET.classification
    assert found.replace(tier=before.tier, priority=before.priority, reasons=before.reasons) == before
    by_hand = {reason.subject: reason.value for reason in found.reasons if reason.rule == "reclassified by hand"}
    assert by_hand == {"tier": "national", "priority": "1"}
    assert len([reason for reason in found.reasons if reason.subject == "tier"]) == 1


@pytest.mark.parametrize(("department", "path"), [("billing", (CENTRE, "billing")), (None, (CENTRE,))])
def test_another_department_is_on_the_way(department: str | None, path: tuple[str, ...]) -> None:
    assert whole(action("reclassify", {"department": department})).classification.path == path


def test_a_customer_is_corrected_by_one_field() -> None:
    found = whole(action("correct", {"email": "li@mail.example"})).customer
    assert found == TICKET.customer.replace(email="li@mail.example")


def test_a_split_begins_with_the_classification_of_its_ticket() -> None:
    found = whole(action("split", {"business_type": "lte"}, text="手机没信号")).classification
    assert (found.business_type, found.tier) == ("lte", TICKET.classification.tier)


def test_the_version_goes_with_it_unless_the_caller_names_one() -> None:
    assert completed(action("reclassify", {"priority": 1}), TICKET)["expected_version"] == TICKET.version
    named = action("reclassify", {"priority": 1}) | {"expected_version": 7}
    assert completed(named, TICKET)["expected_version"] == 7


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize(
    ("request_", "field", "advice"),
    [
        (action("reclassify", {"teir": "x"}), "action.set.teir", "did you mean 'tier'?"),
        (action("reclassify", {"reasons": []}), "action.set.reasons", "there is no such field"),
        (action("reclassify", {}), "action.set", "write an object"),
        (action("reclassify", 3), "action.set", "write an object"),
        (action("reclassify", {"tier": "x"}, classification={}), "action.classification", "send either"),
        (action("close", {"note": "x"}), "action.set", "only correct, reclassify, split take `set`"),
        (action(["x"], {"note": "x"}), "action.set", "only correct"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_completed_is_refused_with_its_field(request_: Any, field: str, advice: str) -> None:
    with pytest.raises(InvalidPayload) as raised:
        completed(request_, TICKET)
    (error,) = raised.value.errors
    assert error.field == field
    assert advice in error.message


@pytest.mark.parametrize("request_", [{}, {"action": 3}, {"action": {"type": "close"}}])
def test_other_requests_are_left_alone(request_: dict[str, Any]) -> None:
    assert not is_partial(request_)
