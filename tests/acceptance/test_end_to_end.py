"""Tickets from the first contact to the end, with their notices and their records on the topics."""

import json

import pytest

from schemas.delivery import Delivery
from services.shared.kafka import topic_reader
from services.shared.kafka.records import Incoming
from tests.acceptance.lifecycle import BackgroundJob, wait_for_sms
from tests.builders import HOUR, eventually
from tests.system import System


@pytest.mark.requirement("R2.2", "R2.6", "R3.9", "R5.3", "R5.4", "R5.5", "R5.7", "R7.4")
def test_a_ticket_goes_from_the_first_contact_to_a_rehandled_case(lifecycle: BackgroundJob) -> None:
    lifecycle.wait(within=300)


@pytest.mark.requirement("R4.1", "R4.9", "R2.5")
def test_an_untouched_ticket_is_warned_about_and_breached_in_time(system: System) -> None:
    number = system.open_ticket(text="")
    breach = system.wait_for_event(number, "breached", within=60)
    ticket, events = system.ticket_and_events(number)
    warning = next(event for event in events if event.type == "warned")
    assert warning.threshold is not None
    assert breach.threshold is not None
    assert (warning.threshold.clock, breach.threshold.clock) == ("form", "form")
    assert breach.threshold.due_at == ticket.contacted_at + HOUR
    assert breach.recorded_at >= breach.threshold.due_at
    # At a scale of 1000, 2 real seconds are 2000 seconds of policy time.
    assert (breach.recorded_at - breach.threshold.due_at).total_seconds() / 1000 < 2

    def supervision_orders() -> list[str]:
        subjects = [str(mail["subject"]) for mail in system.received_messages("mail")]
        return [subject for subject in subjects if number in subject and "督办" in subject]

    assert eventually(supervision_orders, within=20)


@pytest.mark.requirement("R4.9")
def test_a_notice_is_stored_and_its_delivery_is_published(system: System) -> None:
    number = system.open_ticket()
    wait_for_sms(system, number, "已受理")
    ticket, _ = system.ticket_and_events(number)

    def acceptances() -> list[Delivery]:
        records = topic_reader.read_all(system.kafka, "deliveries")
        deliveries = [Delivery.from_json(record.value or b"") for record in records]
        return [each for each in deliveries if each.ticket_id == ticket.id and each.template == "acceptance"]

    (delivery,) = eventually(acceptances)
    assert (delivery.state, delivery.means, delivery.audience) == ("sent", "sms", "customer")
    with system.database() as connection:
        row = connection.execute(
            "select state, provider_id, published from notifier.notice where id = %s", (delivery.id,)
        ).fetchone()
    assert row == ("sent", delivery.provider_id, True)


@pytest.mark.requirement("R2.4")
def test_another_contact_of_the_customer_is_a_reminder_on_the_ticket(system: System) -> None:
    body = system.contact_body()
    number = system.submit(body)["ticket"]["number"]
    repeated = system.submit(body | {"message_id": system.unique_ids()[0], "text": "催一下，还没有人联系我"})
    assert (repeated["ticket"]["number"], repeated["disposition"]) == (number, "remind")
    assert system.wait_for_event(number, "reminded").ticket.reminders == 1


@pytest.mark.requirement("R7.3")
def test_ticket_and_events_are_published_as_they_are_stored(system: System) -> None:
    number = system.open_ticket()
    system.send_command(number, "withdraw", unit=None, reason="已恢复")
    ticket, events = system.ticket_and_events(number)
    key = str(ticket.id).encode()

    def published(topic: str) -> list[Incoming]:
        return [record for record in topic_reader.read_all(system.kafka, topic) if record.key == key]

    # Records are published after the transaction, so they may be missing at first.
    eventually(lambda: len(published("tickets.events")) >= len(events), why="not every event is on the topic")
    records = published("tickets.events")
    assert [json.loads(record.value or b"") for record in records] == [event.to_plain() for event in events]
    eventually(
        lambda: json.loads(published("tickets.state")[-1].value or b"") == ticket.to_plain(),
        why="the state on the topic is not the stored ticket",
    )
    headers = dict(records[0].headers)
    assert (headers["ce_type"], headers["ce_id"].decode()) == (b"duban.ticket.accepted", str(events[0].id))
