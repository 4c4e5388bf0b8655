"""With the database away the door takes contacts; with the broker away it says so at once and recovers by itself."""

import time

import pytest

from tests.builders import eventually
from tests.system import System


def test_with_the_database_away_contacts_are_accepted_and_get_their_ticket_later(system: System) -> None:
    known = system.open_ticket()
    body = system.contact_body()
    with system.outage("postgres"):
        answer = system.http.post("/v1/contacts", json=body)
        assert answer.status_code == 202
        reference = answer.json()["reference"]
        refused = system.http.post(
            f"/v1/tickets/{known}/commands",
            json={"action": {"type": "note", "text": "x"}},
            headers={"Idempotency-Key": "k"},
        )
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
    told = eventually(lambda: _ticket(system, reference), within=60)
    assert told
    system.wait_until_ready()


def _ticket(system: System, reference: str) -> str | None:
    answer = system.http.get(f"/v1/contacts/{reference}")
    ticket = answer.json().get("ticket") if answer.status_code == 200 else None
    return ticket["number"] if ticket else None


def test_with_the_broker_away_the_door_answers_503_within_five_seconds_and_recovers(system: System) -> None:
    body = system.contact_body()
    with system.outage("kafka"):
        for _ in range(2):
            began = time.monotonic()
            answer = system.http.post("/v1/contacts", json=body)
            assert time.monotonic() - began < 5
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert "send the same again" in answer.json()["detail"]
    eventually(
        lambda: system.http.post("/v1/contacts", json=body).status_code == 202, within=60, why="the door stays shut"
    )
    told = system.submit(body, wait=30)
    assert told["ticket"]["number"]
    system.wait_until_ready()


@pytest.mark.requirement("R4.9")
def test_a_clock_that_ran_out_while_the_monitor_was_away_fires_when_it_is_back_or_the_sweeper_does(
    system: System,
) -> None:
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
