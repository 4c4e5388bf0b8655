"""A repeated contact or command takes effect once; another body under the same id is a conflict."""

import json
import uuid

import pytest

from tests.builders import CENTRE, eventually
from tests.system import System


@pytest.mark.requirement("R2.4")
def test_the_same_contact_through_two_doors_has_one_reference(system: System) -> None:
    body = system.contact_body()
    line = json.dumps(body, ensure_ascii=False)
    references = {system.http.post("/v1/contacts", json=body).json()["reference"] for _ in range(3)}
    response = system.http.post("/v1/contacts/batch", content="\n".join([line] * 3).encode())
    references |= {json.loads(result)["reference"] for result in response.text.splitlines()}
    assert len(references) == 1


@pytest.mark.requirement("R2.4")
def test_another_contact_under_the_same_id_is_a_dead_letter_of_a_conflict(system: System) -> None:
    body = system.contact_body()
    reference = system.submit(body)["reference"]
    changed = system.submit(body | {"text": "另一件事"}, wait=0)
    assert changed["reference"] == reference
    with system.database() as connection:
        query = "select count(*) from plumbing.dead_letter where topic = 'contacts' and reason = 'conflict'"
        eventually(lambda: connection.execute(query).fetchone() != (0,), why="there is no dead letter of the conflict")


@pytest.mark.requirement("R2.7")
def test_a_command_sent_twice_under_one_key_is_decided_once(system: System) -> None:
    number = system.open_ticket()
    key = str(uuid.uuid4())
    decisions = [system.send_command(number, "note", key=key, text="客户情绪激动") for _ in range(2)]
    assert decisions[0]["command"] == decisions[1]["command"]
    assert decisions[0]["outcome"] == "done"
    assert [event.type for event in system.ticket_and_events(number)[1]].count("noted") == 1


@pytest.mark.requirement("R2.7")
def test_another_command_under_the_same_key_gets_409(system: System) -> None:
    number, (key, _) = system.open_ticket(), system.unique_ids()
    assert system.send_command(number, "note", key=key, text="first")["outcome"] == "done"
    body = {"action": {"type": "note", "text": "another"}, "actor": {"kind": "unit", "name": CENTRE, "unit": CENTRE}}
    headers = {"Idempotency-Key": key, **system.headers("call_centre")}
    response = system.http.post(f"/v1/tickets/{number}/commands", json=body, headers=headers)
    assert response.status_code == 409
    assert "key of its own" in response.json()["detail"]
