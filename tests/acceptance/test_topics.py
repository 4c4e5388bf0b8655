"""What a subscriber reads: CloudEvents in binary mode on every topic, one trace from the door to the last event."""

from collections.abc import Iterator
from functools import partial
from uuid import uuid4

import pytest

from deploy.tools.checkout import PROJECT
from schemas.contact import Contact
from services.shared.kafka import topics
from services.shared.kafka.dead_letters import letter_id
from services.shared.kafka.records import Incoming
from services.shared.kafka.topic_models import model_of
from services.shared.kafka.topic_reader import whole
from tests.builders import eventually
from tests.system import System

CLOUD_EVENT = {"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "content-type"}
MANY = 12
"""Complaints of one kind in one city: more than make a hot issue."""
TRACE = "0af7651916cd43dd8448eb211c80319c"


def records(system: System, topic: str) -> Iterator[Incoming]:
    yield from whole(system.kafka, topic)


@pytest.mark.requirement("R7.3")
def test_every_record_of_ours_is_a_cloud_event_of_its_model(system: System) -> None:
    _something_on_every_topic(system)
    # What other tests put there to be refused is not ours.
    buried = {each.key for each in records(system, "dead-letters")}
    for name, topic in topics.load().items():
        if topic.model is None or name == "dead-letters":
            continue
        model, seen = model_of(topic), 0
        for record in records(system, name):
            if not record.value or str(letter_id(*record.position)).encode() in buried:
                continue
            told = {key: value.decode() for key, value in record.headers}
            assert told.keys() >= CLOUD_EVENT, (name, record.position)
            assert (told["ce_specversion"], told["content-type"]) == ("1.0", "application/json")
            assert told["ce_type"].startswith("duban.")
            body = model.from_json(record.value)
            assert str(body.cloud_event.id) == told["ce_id"]  # type: ignore[attr-defined]
            if name != Contact.TOPIC:
                assert record.key == told["ce_subject"].encode()
            seen += 1
        assert seen, f"{name} has no record, so nothing was looked at"


def _something_on_every_topic(system: System) -> None:
    """Do what makes each topic of ours hold a record."""
    system.open_ticket()
    for sample, channel, kind in (
        ("hotline/freeswitch.json", "hotline", "application/json"),
        ("device_monitor/resolved.json", "device_monitor", "application/json"),
    ):
        body = (PROJECT / "tests" / "samples" / sample).read_bytes()
        answer = system.http.post(f"/v1/channels/{channel}", content=body, headers={"Content-Type": kind})
        assert answer.status_code == 202, answer.text
    report = {"id": str(uuid4()), "state": "delivered"}
    assert system.http.post("/v1/receipts", json=report).status_code == 202
    city = f"市{uuid4().hex[:6]}"
    for _ in range(MANY):
        system.open_ticket("家里宽带完全断网", customer={"phone": system.unique_ids()[1], "city": city})
    for name in ("hot-issues", "deliveries", "calls", "contacts.kept", "receipts"):
        eventually(partial(_any, system, name), within=60, why=f"{name} stays empty")


def _any(system: System, topic: str) -> bool:
    return any(records(system, topic))


@pytest.mark.requirement("R7.3")
def test_a_trace_goes_from_the_door_to_the_last_event(system: System) -> None:
    body = system.contact_body()
    headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    answer = system.http.post("/v1/contacts", params={"wait": 20}, json=body, headers=headers)
    number = answer.json()["ticket"]["number"]
    ticket, _ = system.ticket_and_events(number)
    system.wait_for_event(number, "warned", within=60)
    wanted = {each.id for each in system.ticket_and_events(number)[1]}

    def traces() -> set[str] | None:
        found = {
            dict(each.headers)["ce_id"].decode(): dict(each.headers)["traceparent"].decode()
            for each in records(system, "tickets.events")
            if each.key == str(ticket.id).encode()
        }
        return (
            {each.split("-")[1] for each in found.values()} if {str(each) for each in wanted} <= found.keys() else None
        )

    assert eventually(traces) == {TRACE}
