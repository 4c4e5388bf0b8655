"""Responses of the HTTP door to contacts, batches, commands and searches."""

import json
import uuid

import httpx
import pytest

from tests.system import System


@pytest.mark.requirement("R2.4", "R2.6", "R7.1")
def test_a_contact_gets_a_reference_and_a_promised_time_once_per_message(system: System) -> None:
    body = system.contact_body()
    first = system.http.post("/v1/contacts", json=body)
    assert first.status_code == 202
    reference = first.json()["reference"]
    assert first.headers["location"] == f"/v1/contacts/{reference}"
    status = system.http.get(f"/v1/contacts/{reference}", params={"wait": 20}).json()
    assert status["ticket"]["number"]
    assert status["ticket"]["promised_at"]
    repeated = system.submit(body)
    assert repeated["reference"] == reference
    assert repeated["ticket"]["number"] == status["ticket"]["number"]
    with system.database() as connection:
        (tickets,) = connection.execute(
            "select count(*) from ledger.ticket where contact_id = %s", (reference,)
        ).fetchone() or (0,)
    assert tickets == 1


@pytest.mark.requirement("R2.5")
def test_every_bad_field_is_named_in_one_problem_document(system: System) -> None:
    body = system.contact_body() | {"customer": {"name": "李"}, "occurred_at": "2026-02-30"}
    response = system.http.post("/v1/contacts", json=body)
    assert response.status_code == 400
    assert response.headers["content-type"].startswith("application/problem+json")
    assert {error["field"]: error["reason"] for error in response.json()["errors"]} == {
        "customer.phone": "missing_contact",
        "occurred_at": "bad_date",
    }


def test_a_contact_without_an_id_needs_the_idempotency_key(system: System) -> None:
    body = system.contact_body()
    del body["message_id"]
    response = system.http.post("/v1/contacts", json=body)
    assert "Idempotency-Key" in response.json()["errors"][0]["detail"]
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first, second = (system.http.post("/v1/contacts", json=body, headers=key) for _ in range(2))
    assert first.json()["reference"] == second.json()["reference"]


def test_a_body_of_ten_megabytes_gets_413(system: System) -> None:
    response = system.http.post("/v1/contacts", content=b"x" * 10_000_000)
    assert response.status_code == 413
    assert response.json()["status"] == 413


@pytest.mark.requirement("R7.1")
def test_a_batch_has_a_result_for_each_line(system: System) -> None:
    lines = [json.dumps(system.contact_body()), '{"broken', json.dumps(system.contact_body() | {"customer": {}})]
    response = system.http.post("/v1/contacts/batch", content="\n".join(lines).encode())
    results = [json.loads(line) for line in response.text.splitlines()]
    assert [result["status"] for result in results] == [202, 400, 400]
    assert results[1]["errors"][0]["reason"] == "truncated"


@pytest.mark.requirement("R5.1", "R5.2")
def test_a_refused_command_gets_the_reason_and_the_unchanged_ticket(system: System) -> None:
    number = system.open_ticket()
    decision = system.send_command(number, "feed_back", result="x", cause="y")
    assert decision["outcome"] == "refused"
    assert "cannot be asked to feed back" in decision["refusal"]["message"]
    assert decision["ticket"]["status"] == "accepted"


@pytest.mark.requirement("R5.1", "R5.2")
def test_a_department_s_key_may_only_what_its_unit_may_on_the_ticket(system: System) -> None:
    number, key = system.open_ticket(), {"Idempotency-Key": "k", **system.headers("network")}
    path, action = f"/v1/tickets/{number}/commands", {"type": "answer", "explanation": "x", "agreement": "agreed"}
    response = system.http.post(path, json={"action": action, "actor": {"name": "王工"}}, headers=key)
    assert (response.status_code, response.json()["errors"][0]["field"]) == (403, "action.type")
    assert "it is for answering" in response.json()["detail"]
    actor = {"name": "王工", "unit": "provincial_centre"}
    response = system.http.post(path, json={"action": action, "actor": actor}, headers=key)
    assert (response.status_code, response.json()["errors"][0]["field"]) == (403, "actor.unit")
    assert system.dispatch(number, "network")["outcome"] == "done"
    claim = {"action": {"type": "claim", "person": "王工"}, "actor": {"name": "王工"}}
    claimed = system.http.post(path, json=claim, headers=key, params={"wait": 20}).json()
    assert claimed["outcome"] == "done"
    event = system.wait_for_event(number, "claimed")
    assert (event.actor.name, event.actor.unit, event.actor.key) == ("王工", "network", "network")
    history = system.http.get(f"/v1/tickets/{number}").json()["history"]
    assert [each["actor"].get("key") for each in history if each["type"] == "claimed"] == ["network"]
    own = f"/v1/commands/{claimed['command']}"
    assert system.http.get(own, headers=system.headers("network")).status_code == 200
    assert system.http.get(own, headers=system.headers("billing")).status_code == 404


def test_an_invalid_command_gets_the_name_of_its_field(system: System) -> None:
    number = system.open_ticket()
    path, key = f"/v1/tickets/{number}/commands", {"Idempotency-Key": "k"}
    response = system.http.post(path, json={"action": {"type": "dispatch"}}, headers=key)
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "action.unit")
    response = system.http.post(path, json={"action": {"type": "tick"}}, headers=key)
    assert response.json()["errors"][0]["field"] == "action.type"
    response = system.http.post(path, json={"action": {"type": "note", "text": "x"}})
    assert response.json()["errors"][0]["field"] == "Idempotency-Key"
    response = system.http.post("/v1/tickets/nowhere/commands", json={}, headers=key)
    assert response.status_code == 404


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
def test_a_search_for_a_null_character_gets_the_name_of_its_field(
    system: System, method: str, path: str, field: str
) -> None:
    response = system.http.request(method, path, json={"action": {"type": "close"}} if method == "POST" else None)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == field


@pytest.mark.requirement("R2.7")
def test_tickets_are_found_by_phone_in_any_notation(system: System) -> None:
    body = system.contact_body()
    number = system.submit(body)["ticket"]["number"]
    phone = body["customer"]["phone"]
    wanted = {"phone": f"+86 {phone[:3]}-{phone[3:]}", "purpose": "test"}
    found = system.http.get("/v1/tickets", params=wanted).json()["tickets"]
    assert [ticket["number"] for ticket in found] == [number]
    assert system.http.get("/v1/tickets").status_code == 400


def test_without_a_key_nothing_is_accepted_or_returned(system: System) -> None:
    """Promise 7."""
    reference = system.submit(system.contact_body())["reference"]
    for method, path in (
        ("POST", "/v1/contacts"),
        ("GET", f"/v1/contacts/{reference}"),
        ("GET", "/v1/tickets?number=x"),
    ):
        response = httpx.request(method, system.stack.intake_url + path, json=None)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"


def test_the_documentation_page_works_without_internet_access(system: System) -> None:
    page = httpx.get(f"{system.stack.intake_url}/docs").text
    assert "cdn" not in page
    document = httpx.get(f"{system.stack.intake_url}/openapi.json").json()
    assert {"/v1/contacts", "/v1/contacts/batch", "/v1/channels/{channel}"} <= document["paths"].keys()
    assert {"Submission", "Problem"} <= document["components"]["schemas"].keys()
    assert document["security"] == [{"key": []}]
