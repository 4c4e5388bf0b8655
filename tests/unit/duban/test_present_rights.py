"""What somebody may do to a ticket now follows the tables, the pack and the ticket's status (R5.1)."""

import pytest

from duban.present_rights import holders_of, rights_of
from duban.rehearsal_input import RehearsalError
from schemas.action import Dispatch, RequestAssistance
from tests.builders import CENTRE, MORNING, PACKS
from tests.unit.duban.test_step_actor import simulation

PACK = PACKS["carrier"]


def test_who_holds_the_ticket_may_more_than_who_does_not() -> None:
    started = simulation()
    assert "claim" not in rights_of("network", started.subject.ticket, PACK)
    started.act(Dispatch(unit="network"), MORNING, CENTRE)
    assert "claim" in rights_of("network", started.subject.ticket, PACK)
    assert rights_of("billing", started.subject.ticket, PACK) == []


def test_what_the_status_does_not_allow_is_left_out() -> None:
    assert "close" not in rights_of(CENTRE, simulation().subject.ticket, PACK)


def test_what_needs_evidence_says_so() -> None:
    ticket = simulation().subject.ticket
    assert "withdraw with evidence" in rights_of(CENTRE, ticket, PACK)
    assert rights_of("customer", ticket, PACK) == ["attach", "withdraw"]


def test_entries_stand_with_their_kind() -> None:
    found = rights_of("hq_centre", simulation(channel="hq_hotline").subject.ticket, PACK)
    assert "record audit" in found


def test_a_service_has_what_only_it_does() -> None:
    assert rights_of("service.sla_monitor", simulation().subject.ticket, PACK) == ["tick"]


def test_whoever_asked_for_assistance_may_release_it() -> None:
    started = simulation()
    started.act(Dispatch(unit="network"), MORNING, CENTRE)
    started.act(RequestAssistance(unit="products", demand="x"), MORNING, "network")
    assert "release_assistance" in rights_of("network", started.subject.ticket, PACK)


def test_an_unknown_unit_is_refused_with_what_there_is() -> None:
    with pytest.raises(RehearsalError, match="there is no unit or service 'netwrk': did you mean 'network'"):
        rights_of("netwrk", simulation().subject.ticket, PACK)


def test_an_action_has_everybody_who_may_take_it() -> None:
    started = simulation()
    started.act(Dispatch(unit="network"), MORNING, CENTRE)
    assert "network" in holders_of("claim", started.subject.ticket, PACK)
    assert "billing" not in holders_of("claim", started.subject.ticket, PACK)
    found = holders_of("withdraw", started.subject.ticket, PACK)
    assert {"customer", f"{CENTRE} with evidence"} <= {*found}
    assert holders_of("tick", started.subject.ticket, PACK) == ["service.ledger", "service.sla_monitor"]
    assert holders_of("close", started.subject.ticket, PACK) == []


def test_an_unknown_action_is_refused_with_what_there_is() -> None:
    with pytest.raises(RehearsalError, match="there is no action 'clam': did you mean 'claim'"):
        holders_of("clam", simulation().subject.ticket, PACK)
