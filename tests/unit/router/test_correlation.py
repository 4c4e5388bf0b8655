"""A call and its form make the same ticket whichever comes first (R2.1, DECISIONS 5)."""

from datetime import timedelta
from uuid import uuid4

import pytest

from schemas.action import Attach, JoinCall
from schemas.call import Call, CallRecord
from schemas.contact import Contact, Customer, Evidence
from services.router.correlation import CorrelationBatch, handle_call, with_call
from tests.builders import HOUR, MORNING, TicketScenario, contact

CALL = Call(
    id="1773277000.1",
    phone="+8613800000109",
    started_at=MORNING - 20 * timedelta(minutes=1),
    answered_at=MORNING - 19 * timedelta(minutes=1),
    recording="rec/1.wav",
)


def record(call: Call = CALL) -> CallRecord:
    return CallRecord(
        id=uuid4(), sender="pbx", channel="hotline", policy="carrier", received_at=MORNING + HOUR, call=call
    )


def form() -> Contact:
    return contact(call=CALL.id, contacted_at=MORNING, customer=Customer(name="李女士"))


def call_second() -> TicketScenario:
    scenario = TicketScenario.opened(form())
    joined = CorrelationBatch(forms={CALL.id: (form().id, scenario.id)})
    (command,) = handle_call(record(), joined)
    return scenario.advance(HOUR).decide(command)


@pytest.mark.requirement("R2.1", "R4.2")
def test_both_orders_end_in_the_same_facts() -> None:
    first, second = TicketScenario.opened(with_call(form(), {CALL.id: CALL})).current, call_second().current
    assert second.contacted_at == first.contacted_at == CALL.started_at
    assert second.customer == first.customer
    assert second.customer.phone == CALL.phone
    assert {each.reference for each in second.evidence} == {each.reference for each in first.evidence}
    assert second.promised_at == first.promised_at


def test_a_further_record_of_the_same_call_adds_nothing() -> None:
    scenario = call_second()
    more = CorrelationBatch(calls={CALL.id: CALL}, forms={CALL.id: (form().id, scenario.id)})
    (command,) = handle_call(record(Call(id=CALL.id, talk=90)), more)
    assert isinstance(command.action, JoinCall)
    assert scenario.decide(command).refusal_code == "joined"


def test_what_is_attached_already_is_known_by_its_reference() -> None:
    scenario = call_second()
    again = Evidence(kind="recording", reference="rec/1.wav", name="another name")
    assert scenario.do(Attach(evidence=(again,))).refusal_code == "attached"


def test_a_call_that_seems_to_begin_after_its_form_moves_nothing() -> None:
    scenario = TicketScenario.opened(form())
    before = scenario.current.promised_at
    late = CALL.replace(started_at=MORNING + 2 * HOUR)
    (command,) = handle_call(record(late), CorrelationBatch(forms={CALL.id: (form().id, scenario.id)}))
    scenario.advance(HOUR).decide(command)
    assert (scenario.current.contacted_at, scenario.current.promised_at) == (MORNING, before)
