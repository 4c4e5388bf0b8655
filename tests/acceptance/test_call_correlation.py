"""Calls and hotline forms are joined in any order, and an answered call without a form still becomes a ticket."""

import json
from datetime import UTC, timedelta

import pytest

from schemas.ticket import Status
from tests.builders import eventually
from tests.system import System

CSV = {"Content-Type": "text/csv"}


def form(call: str, phone: str, name: str) -> bytes:
    """Return a hotline form about a call."""
    fields = {
        "form_no": f"HF{name}",
        "call_id": call,
        "customer": {"ani": phone},
        "content": "宽带断网",
        "created_at": "2026-03-12T09:00:00+08:00",
    }
    return json.dumps(fields).encode()


def call_record(call: str, phone: str, started: str) -> bytes:
    """Return a call detail record, as an exchange exports it, of a call of 260 seconds."""
    cells = ["", phone, "600", "in", "x", "PJSIP/gw-1", "PJSIP/31-2", "Queue", "q"]
    quoted = ",".join(f'"{cell}"' for cell in cells)
    hour = started.split(":", 1)[0]
    times = f'"{started}","{hour}:00:20","{hour}:04:20"'
    return f'{quoted},{times},260,240,"ANSWERED","DOCUMENTATION","{call}","audio:{call}.wav"\n'.encode()


def _evidence(system: System, number: str) -> set[tuple[str, str]]:
    return {(evidence.kind, evidence.reference) for evidence in system.ticket_and_events(number)[0].evidence}


def _call_is_stored(system: System, call: str) -> bool:
    with system.database() as connection:
        return connection.execute("select 1 from router.call where id = %s", (call,)).fetchone() is not None


@pytest.mark.requirement("R2.1", "R2.2")
@pytest.mark.parametrize("first", ["call", "form"])
def test_a_call_and_its_form_are_joined_in_any_order(system: System, first: str) -> None:
    name, phone = system.unique_ids()
    call = f"call-{name}"
    record = call_record(call, phone, "2026-03-12 01:00:00")
    if first == "call":
        assert system.http.post("/v1/channels/hotline?cdr_tz=UTC", content=record, headers=CSV).status_code == 200
        eventually(lambda: _call_is_stored(system, call), why="the call was not stored")
    assert system.http.post("/v1/channels/hotline", content=form(call, phone, name)).status_code == 202
    number = eventually(lambda: system.ticket_of_message(f"HF{name}"))
    assert number is not None
    if first == "form":
        assert system.http.post("/v1/channels/hotline?cdr_tz=UTC", content=record, headers=CSV).status_code == 200
    joined = {("recording", f"{call}.wav"), ("call", call)}
    eventually(lambda: joined <= _evidence(system, number), why="the call was not joined to the ticket")


@pytest.mark.requirement("R2.1", "R2.5")
def test_an_answered_call_without_a_form_is_a_ticket_that_a_late_form_completes(system: System) -> None:
    name, phone = system.unique_ids()
    call = f"call-{name}"
    record = call_record(call, phone, "2026-03-11 20:00:00")
    response = system.http.post("/v1/channels/hotline", content=record, headers=CSV)
    assert json.loads(response.text)["state"] == "call recorded"
    number = eventually(lambda: system.ticket_of_message(f"call:{call}"), why="the call opened no ticket")
    assert number is not None
    assert "incomplete" in system.ticket_and_events(number)[0].flags
    assert system.http.post("/v1/channels/hotline", content=form(call, phone, name)).status_code == 202
    system.wait_for_event(number, "form_completed")
    ticket, _ = system.ticket_and_events(number)
    assert (ticket.subject, ticket.reminders) == ("宽带断网", 0)
    assert "incomplete" not in ticket.flags
    assert ticket.classification.business_type == "broadband"
    assert ticket.status is not Status.WITHDRAWN


@pytest.mark.requirement("R2.1", "R4.2")
def test_a_form_that_comes_before_its_call_gets_the_call_s_start(system: System) -> None:
    name, phone = system.unique_ids()
    started = (system.clock.now() - timedelta(minutes=30)).astimezone(UTC).replace(microsecond=0)
    fields = json.loads(form(name, phone, name)) | {"created_at": system.clock.now().isoformat()}
    assert system.http.post("/v1/channels/hotline", json=fields).status_code == 202
    number = eventually(lambda: system.ticket_of_message(f"HF{name}"))
    assert number is not None
    before, _ = system.ticket_and_events(number)
    start, answered, ended = (f"{started + timedelta(seconds=after):%Y-%m-%d %H:%M:%S}" for after in (0, 9, 300))
    times = f'"{start}","{answered}","{ended}",300,291'
    record = f'"","{phone}","600","in","","a","b","Queue","q",{times},"ANSWERED","","{name}",""\n'
    params = {"cdr_tz": "UTC", "columns": "18"}
    response = system.http.post("/v1/channels/hotline", params=params, content=record.encode(), headers=CSV)
    assert response.is_success, response.text
    eventually(
        lambda: system.ticket_and_events(number)[0].contacted_at == started,
        why="the ticket did not get the start of the call",
    )
    after, _ = system.ticket_and_events(number)
    assert before.promised_at is not None
    assert after.promised_at is not None
    assert after.promised_at - after.contacted_at == before.promised_at - before.contacted_at
    assert any(evidence.kind == "call" for evidence in after.evidence)
