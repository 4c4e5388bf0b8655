"""Records on every topic are CloudEvents in binary mode, and a ticket's records share one trace."""

from collections.abc import Iterator
from functools import partial
from uuid import uuid4

import pytest

from deploy.tools.checkout import PROJECT
from schemas.contact import Contact
from services.shared.kafka import topics
from services.shared.kafka.dead_letters import dead_letter_id
from services.shared.kafka.records import Incoming
from services.shared.kafka.topic_models import model_of
from services.shared.kafka.topic_reader import read_all
from services.shared.kafka.topics import Topic
from tests.builders import eventually
from tests.system import System

CLOUD_EVENT_HEADERS = {"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "content-type"}
BURST = 12
"""Similar complaints of one city: enough for a hot issue."""
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


def records(system: System, topic: str) -> Iterator[Incoming]:
    yield from read_all(system.kafka, topic)


@pytest.mark.requirement("R7.3")
def test_every_record_is_a_cloud_event_of_its_topic_s_model(system: System) -> None:
    _fill_every_topic(system)
    # Other tests publish invalid records on purpose.
    rejected = {record.key for record in records(system, "dead-letters")}
    for name, topic in topics.load().items():
        if topic.model is None or name == "dead-letters":
            continue
        checked = 0
        for record in records(system, name):
            if record.value and str(dead_letter_id(*record.position)).encode() not in rejected:
                _check_cloud_event(record, topic)
                checked += 1
        assert checked, f"{name} has no record to check"


def _check_cloud_event(record: Incoming, topic: Topic) -> None:
    assert record.value
    headers = {key: value.decode() for key, value in record.headers}
    assert headers.keys() >= CLOUD_EVENT_HEADERS, record.position
    assert (headers["ce_specversion"], headers["content-type"]) == ("1.0", "application/json")
    assert headers["ce_type"].startswith("duban.")
    body = model_of(topic).from_json(record.value)
    assert str(body.cloud_event.id) == headers["ce_id"]  # type: ignore[attr-defined]
    if record.topic != Contact.TOPIC:
        assert record.key == headers["ce_subject"].encode()


def _fill_every_topic(system: System) -> None:
    """Cause at least one record on every topic."""
    system.open_ticket()
    message_id, phone = system.unique_ids()
    # Other tests send these samples as they are: under the same ids they would be one message, whichever comes first.
    for sample, channel, own in (
        ("hotline/freeswitch.json", "hotline", {"f-1": message_id, "8613911113333": f"86{phone}"}),
        ("device_monitor/resolved.json", "device_monitor", {'"f1"': f'"{message_id}"'}),
    ):
        body = (PROJECT / "tests" / "samples" / sample).read_text(encoding="utf-8")
        for shared, value in own.items():
            assert shared in body
            body = body.replace(shared, value)
        headers = {"Content-Type": "application/json"}
        response = system.http.post(f"/v1/channels/{channel}", content=body.encode(), headers=headers)
        assert response.status_code == 202, response.text
    report = {"id": str(uuid4()), "state": "delivered"}
    assert system.http.post("/v1/receipts", json=report).status_code == 202
    city = f"市{uuid4().hex[:6]}"
    for _ in range(BURST):
        system.open_ticket("家里宽带完全断网", customer={"phone": system.unique_ids()[1], "city": city})
    for name in ("hot-issues", "deliveries", "calls", "contacts.kept", "receipts"):
        eventually(partial(_has_records, system, name), within=60, why=f"{name} stays empty")


def _has_records(system: System, topic: str) -> bool:
    return any(records(system, topic))


@pytest.mark.requirement("R7.3")
def test_the_trace_of_a_contact_continues_to_the_last_event(system: System) -> None:
    headers = {"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"}
    response = system.http.post("/v1/contacts", params={"wait": 20}, json=system.contact_body(), headers=headers)
    number = response.json()["ticket"]["number"]
    ticket, _ = system.ticket_and_events(number)
    system.wait_for_event(number, "warned", within=60)
    event_ids = {str(event.id) for event in system.ticket_and_events(number)[1]}

    def trace_ids() -> set[str] | None:
        """Return the trace ids of the ticket's events once all are published."""
        published = [dict(record.headers) for record in records(system, "tickets.events") if record.key == key]
        if not event_ids <= {found["ce_id"].decode() for found in published}:
            return None
        return {found["traceparent"].decode().split("-")[1] for found in published}

    key = str(ticket.id).encode()
    assert eventually(trace_ids) == {TRACE_ID}
