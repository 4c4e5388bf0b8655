"""Outages of the database, the broker and the monitor: what still works, what is refused, and recovery."""

import time

import pytest

from tests.builders import eventually
from tests.system import System


def test_without_the_database_contacts_are_accepted_and_routed_later(system: System) -> None:
    number = system.open_ticket()
    body = system.contact_body()
    with system.outage("postgres"):
        response = system.http.post("/v1/contacts", json=body)
        assert response.status_code == 202
        reference = response.json()["reference"]
        refused = system.http.post(
            f"/v1/tickets/{number}/commands",
            json={"action": {"type": "note", "text": "x"}},
            headers={"Idempotency-Key": "k"},
        )
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
    eventually(lambda: _ticket_number(system, reference), within=60, why="the contact opened no ticket")
    system.wait_until_ready()


def _ticket_number(system: System, reference: str) -> str | None:
    response = system.http.get(f"/v1/contacts/{reference}")
    ticket = response.json().get("ticket") if response.status_code == 200 else None
    return ticket["number"] if ticket else None


def test_without_the_broker_contacts_get_503_within_five_seconds(system: System) -> None:
    body = system.contact_body()
    with system.outage("kafka"):
        for _ in range(2):
            started = time.monotonic()
            response = system.http.post("/v1/contacts", json=body)
            assert time.monotonic() - started < 5
            assert response.status_code == 503
            assert int(response.headers["retry-after"]) > 0
            assert "send the same again" in response.json()["detail"]
    eventually(
        lambda: system.http.post("/v1/contacts", json=body).status_code == 202,
        within=60,
        why="contacts are still refused",
    )
    assert system.submit(body, wait=30)["ticket"]["number"]
    system.wait_until_ready()


@pytest.mark.requirement("R4.9")
def test_without_the_monitor_the_sweeper_decides_a_due_threshold(system: System) -> None:
    if "sla_monitor" not in system.stack.state.processes:
        system.stack.release("sla_monitor")
    system.stack.hold("sla_monitor")
    try:
        number = system.open_ticket(text="")
        event = system.wait_for_event(number, "breached", within=60)
        with system.database() as connection:
            row = connection.execute(
                "select outcome from ledger.command where id = %s and type = 'tick'", (event.command_id,)
            ).fetchone()
        assert row == ("done",)
    finally:
        system.stack.release("sla_monitor")
    system.wait_until_ready()
