"""A complaint's whole way, on real Kafka and PostgreSQL: from a door to a closed ticket, with everybody told."""

import json

import pytest

from schemas.delivery import Delivery
from services.shared.kafka import topic_reader
from services.shared.kafka.records import Incoming
from tests.acceptance.life import Meanwhile, sms_to
from tests.builders import HOUR, eventually
from tests.system import System


@pytest.mark.requirement("R2.2", "R2.6", "R3.9", "R5.3", "R5.4", "R5.5", "R5.7", "R7.4")
def test_from_the_first_contact_to_a_case_that_is_handled_again(life: Meanwhile) -> None:
    life.end(within=300)


@pytest.mark.requirement("R4.1", "R4.9", "R2.5")
def test_a_clock_that_nobody_touches_warns_and_breaches_by_itself(system: System) -> None:
    number = system.open_ticket(text="")
    breach = system.wait_for_event(number, "breached", within=60)
    ticket, events = system.ticket_and_events(number)
    warning = next(each for each in events if each.type == "warned")
    assert warning.threshold is not None
    assert breach.threshold is not None
    assert (warning.threshold.clock, breach.threshold.clock) == ("form", "form")
    assert breach.threshold.due_at == ticket.contacted_at + HOUR
    assert breach.recorded_at >= breach.threshold.due_at
    # A second of real time is a quarter of an hour here; the promise is a twentieth of that.
    assert (breach.recorded_at - breach.threshold.due_at).total_seconds() / 1000 < 2

    def order() -> list[dict[str, object]]:
        return [
            each
            for each in system.received_messages("mail")
            if number in str(each["subject"]) and "督办" in str(each["subject"])
        ]

    assert eventually(order, within=20)


@pytest.mark.requirement("R4.9")
def test_every_notice_has_its_row_of_proof_and_its_record(system: System) -> None:
    number = system.open_ticket()
    sms_to(system, number, "已受理")
    ticket, _ = system.ticket_and_events(number)

    def proof() -> list[Delivery]:
        records = topic_reader.whole(system.kafka, "deliveries")
        told = [Delivery.from_json(each.value or b"") for each in records]
        return [each for each in told if each.ticket_id == ticket.id and each.template == "acceptance"]

    (delivery,) = eventually(proof)
    assert (delivery.state, delivery.means, delivery.audience) == ("sent", "sms", "customer")
    with system.database() as connection:
        row = connection.execute(
            "select state, provider_id, published from notifier.notice where id = %s", (delivery.id,)
        ).fetchone()
    assert row == ("sent", delivery.provider_id, True)


@pytest.mark.requirement("R2.4")
def test_a_customer_who_calls_again_is_counted_on_the_same_ticket(system: System) -> None:
    body = system.contact_body()
    number = system.submit(body)["ticket"]["number"]
    again = system.submit(body | {"message_id": system.unique_ids()[0], "text": "催一下，还没有人联系我"})
    assert (again["ticket"]["number"], again["disposition"]) == (number, "remind")
    assert system.wait_for_event(number, "reminded").ticket.reminders == 1


@pytest.mark.requirement("R7.3")
def test_crms_find_every_ticket_and_event_on_the_topics_as_it_is_stored(system: System) -> None:
    number = system.open_ticket()
    system.send_command(number, "withdraw", unit=None, reason="已恢复")
    ticket, events = system.ticket_and_events(number)
    key = str(ticket.id).encode()

    def told(topic: str) -> list[Incoming]:
        return [each for each in topic_reader.whole(system.kafka, topic) if each.key == key]

    # What the database has is published right after, so whoever asks at once may be first.
    eventually(lambda: len(told("tickets.events")) >= len(events), why="not every event is on the topic")
    records = told("tickets.events")
    assert [json.loads(each.value or b"") for each in records] == [each.to_plain() for each in events]
    eventually(
        lambda: json.loads(told("tickets.state")[-1].value or b"") == ticket.to_plain(), why="the state is another"
    )
    headers = dict(records[0].headers)
    assert (headers["ce_type"], headers["ce_id"].decode()) == (b"duban.ticket.accepted", str(events[0].id))
