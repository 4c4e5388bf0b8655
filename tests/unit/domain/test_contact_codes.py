"""A code that the pack does not have is flagged by name, with what there is, and never dropped."""

from dataclasses import replace
from typing import Any

import pytest

from schemas.action import Correct
from schemas.contact import Customer, TakenOver
from services.domain.classify import classify
from services.domain.contact_codes import unknown_codes
from tests.builders import CENTRE, PACKS, TicketScenario, contact, settlement

CARRIER = PACKS["carrier"]
PHONE = "+8613800000101"


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize(
    ("changes", "flag", "advice"),
    [
        ({"kind": "escalated_complaint"}, "unknown_kind", "did you mean 'escalated'?"),
        ({"business_type": "broadband_data"}, "unknown_business_type", "did you mean 'broadband'?"),
        ({"problem_type": "xyz"}, "unknown_problem_type", "choose one of "),
        ({"origin": "ministry_filed"}, "unknown_origin", "did you mean 'not_filed'?"),
        ({"customer": Customer(phone=PHONE, preferred_means="pigeon")}, "unknown_preferred_means", "choose one of fax"),
        ({"settlement": settlement(owner="bilings")}, "unknown_owner", "did you mean 'billing'?"),
        (
            {"taken_over": TakenOver(number="1", status="handling", unit="netwrk")},
            "unknown_unit",
            "did you mean 'network'?",
        ),
        ({"labels": ("其他渠道", "乱写")}, "unknown_labels", "no business type and no problem type"),
    ],
)
def test_an_unknown_code_is_a_flag_of_the_ticket_and_a_reason(changes: dict[str, Any], flag: str, advice: str) -> None:
    ticket = TicketScenario.opened(contact(**changes)).current
    assert flag in ticket.flags
    (reason,) = [each for each in ticket.classification.reasons if each.subject == flag]
    assert advice in reason.rule


def test_known_codes_and_labels_are_no_flags() -> None:
    known = contact(kind="complaint", business_type="broadband", problem_type="quality_inside", labels=("宽带",))
    ticket = TicketScenario.opened(known.replace(customer=Customer(phone=PHONE, preferred_means="visit"))).current
    assert ticket.flags == ()


def test_a_pack_without_origins_says_so() -> None:
    (code,) = unknown_codes(contact(origin="filed"), PACKS["bank"])
    assert code.advice == "the policy has none, so leave it out"


def test_a_long_list_of_choices_fits_into_a_reason() -> None:
    kinds = tuple(f"kind_number_{number}" for number in range(60))
    pack = replace(CARRIER, routing=CARRIER.routing.model_copy(update={"kinds": kinds}))
    (reason,) = [each for each in classify(contact(kind="zzz"), pack).reasons if each.subject == "unknown_kind"]
    assert len(reason.rule) == 200


def test_a_correction_to_unknown_means_is_refused_with_what_there_is() -> None:
    scenario = TicketScenario.opened()
    wanted = scenario.current.customer.replace(preferred_means="pigeon")
    refused = scenario.do(Correct(customer=wanted, reason="r"), unit=CENTRE)
    assert refused.refusal_code == "unknown"
    kept = TicketScenario.opened(contact(customer=wanted))
    assert kept.do(Correct(customer=wanted.replace(name="王女士"), reason="r"), unit=CENTRE).refusal_code == ""
