"""What a sender gets at the HTTP door."""

import json
import uuid

import httpx
import pytest

from tests.builders import eventually
from tests.system import System


@pytest.mark.requirement("R2.4", "R2.6", "R7.1")
def test_a_contact_gets_a_reference_and_a_promise_and_the_same_again_the_same(system: System) -> None:
    body = system.contact_body()
    first = system.http.post("/v1/contacts", json=body)
    assert first.status_code == 202
    reference = first.json()["reference"]
    assert first.headers["location"] == f"/v1/contacts/{reference}"
    told = system.http.get(f"/v1/contacts/{reference}", params={"wait": 20}).json()
    assert told["ticket"]["number"]
    assert told["ticket"]["promised_at"]
    again = system.submit(body)
    assert again["reference"] == reference
    assert again["ticket"]["number"] == told["ticket"]["number"]
    with system.database() as connection:
        (tickets,) = connection.execute(
            "select count(*) from ledger.ticket where contact_id = %s", (reference,)
        ).fetchone() or (0,)
    assert tickets == 1


@pytest.mark.requirement("R2.4")
def test_two_doors_at_once_make_one_ticket(system: System) -> None:
    body = system.contact_body()
    line = json.dumps(body, ensure_ascii=False)
    references = {system.http.post("/v1/contacts", json=body).json()["reference"] for _ in range(3)}
    answer = system.http.post("/v1/contacts/batch", content="\n".join([line] * 3).encode())
    references |= {json.loads(each)["reference"] for each in answer.text.splitlines()}
    assert len(references) == 1


@pytest.mark.requirement("R2.5")
def test_every_bad_field_is_named_in_one_problem_document(system: System) -> None:
    body = system.contact_body() | {"customer": {"name": "李"}, "occurred_at": "2026-02-30"}
    answer = system.http.post("/v1/contacts", json=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert {each["field"]: each["reason"] for each in answer.json()["errors"]} == {
        "customer.phone": "missing_contact",
        "occurred_at": "bad_date",
    }


def test_a_body_without_an_id_is_told_about_the_header(system: System) -> None:
    body = system.contact_body()
    del body["message_id"]
    answer = system.http.post("/v1/contacts", json=body)
    assert "Idempotency-Key" in answer.json()["errors"][0]["detail"]
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first, second = (system.http.post("/v1/contacts", json=body, headers=key) for _ in range(2))
    assert first.json()["reference"] == second.json()["reference"]


def test_ten_megabytes_are_too_large(system: System) -> None:
    answer = system.http.post("/v1/contacts", content=b"x" * 10_000_000)
    assert answer.status_code == 413
    assert answer.json()["status"] == 413


@pytest.mark.requirement("R7.1")
def test_a_batch_has_a_result_for_each_line(system: System) -> None:
    lines = [json.dumps(system.contact_body()), '{"broken', json.dumps(system.contact_body() | {"customer": {}})]
    answer = system.http.post("/v1/contacts/batch", content="\n".join(lines).encode())
    told = [json.loads(each) for each in answer.text.splitlines()]
    assert [each["status"] for each in told] == [202, 400, 400]
    assert told[1]["errors"][0]["reason"] == "truncated"


@pytest.mark.requirement("R2.4")
def test_another_body_under_the_same_id_is_kept_as_a_conflict(system: System) -> None:
    body = system.contact_body()
    reference = system.submit(body)["reference"]
    changed = system.submit(body | {"text": "另一件事"}, wait=0)
    assert changed["reference"] == reference
    with system.database() as connection:
        query = "select count(*) from plumbing.dead_letter where topic = 'contacts' and reason = 'conflict'"
        eventually(lambda: connection.execute(query).fetchone() != (0,), why="the conflict is nowhere")


@pytest.mark.requirement("R2.7")
def test_a_command_done_twice_under_one_key_is_done_once(system: System) -> None:
    number = system.open_ticket()
    key = str(uuid.uuid4())
    answers = [system.send_command(number, "note", key=key, text="客户情绪激动") for _ in range(2)]
    assert answers[0]["command"] == answers[1]["command"]
    assert answers[0]["outcome"] == "done"
    assert [each.type for each in system.ticket_and_events(number)[1]].count("noted") == 1


@pytest.mark.requirement("R5.1", "R5.2")
def test_a_refusal_says_what_is_missing(system: System) -> None:
    number = system.open_ticket()
    told = system.send_command(number, "answer", unit="network", explanation="x", agreement="agreed")
    assert told["outcome"] == "refused"
    assert "the complaint centre answers" in told["refusal"]["message"]
    assert told["ticket"]["status"] == "accepted"


def test_a_bad_command_names_its_field(system: System) -> None:
    number = system.open_ticket()
    path, key = f"/v1/tickets/{number}/commands", {"Idempotency-Key": "k"}
    answer = system.http.post(path, json={"action": {"type": "dispatch"}}, headers=key)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "action.unit")
    answer = system.http.post(path, json={"action": {"type": "tick"}}, headers=key)
    assert answer.json()["errors"][0]["field"] == "action.type"
    answer = system.http.post(path, json={"action": {"type": "note", "text": "x"}})
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    answer = system.http.post("/v1/tickets/nowhere/commands", json={}, headers=key)
    assert answer.status_code == 404


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize(
    ("method", "path", "field"),
    [
        ("GET", "/v1/tickets?number=TS%00", "number"),
        ("GET", "/v1/callbacks?pack=%00", "pack"),
        ("POST", "/v1/callbacks/next?agent=Li%00", "agent"),
        ("POST", "/v1/tickets/TS%001/commands", "number"),
    ],
)
def test_what_no_database_can_look_for_is_refused_by_name(system: System, method: str, path: str, field: str) -> None:
    answer = system.http.request(method, path, json={"action": {"type": "close"}} if method == "POST" else None)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.requirement("R2.7")
def test_tickets_are_found_by_phone_as_people_write_it(system: System) -> None:
    body = system.contact_body()
    number = system.submit(body)["ticket"]["number"]
    phone = body["customer"]["phone"]
    found = system.http.get("/v1/tickets", params={"phone": f"+86 {phone[:3]}-{phone[3:]}"}).json()["tickets"]
    assert [each["number"] for each in found] == [number]
    assert system.http.get("/v1/tickets").status_code == 400


def test_nobody_without_a_key_puts_anything_in_or_reads_anything_out(system: System) -> None:
    """Promise 7."""
    reference = system.submit(system.contact_body())["reference"]
    for method, path in (
        ("POST", "/v1/contacts"),
        ("GET", f"/v1/contacts/{reference}"),
        ("GET", "/v1/tickets?number=x"),
    ):
        answer = httpx.request(method, system.stack.intake_url + path, json=None)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


def test_the_door_describes_itself_without_the_internet(system: System) -> None:
    page = httpx.get(f"{system.stack.intake_url}/docs").text
    assert "cdn" not in page
    described = httpx.get(f"{system.stack.intake_url}/openapi.json").json()
    assert {"/v1/contacts", "/v1/contacts/batch", "/v1/channels/{channel}"} <= described["paths"].keys()
    assert {"Submission", "Problem"} <= described["components"]["schemas"].keys()
    assert described["security"] == [{"key": []}]
