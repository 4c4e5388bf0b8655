"""Tests of the routes that show tickets: what a key reaches, searches, and that nothing is shown without its record."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from services.intake import access_log, outcomes
from services.intake.access_log import AccessRecord
from services.intake.senders import Sender
from services.shared.runtime.errors import Retryable
from tests.builders import CENTRE, PACKS, TicketScenario
from tests.unit.intake.http_door import HttpDoor, key, reasons

pytestmark = pytest.mark.requirement("R5.6")

PHONE = "+8613800000101"
SENDERS = (
    Sender("carrier_all", ("carrier",), (), ("read", "search"), ("*",)),
    Sender("centre", ("carrier",), (), ("read", "search", "personal"), (CENTRE,)),
    Sender("network", ("carrier",), (), ("read", "search"), ("network",)),
    Sender("billing", ("carrier",), (), ("read", "search"), ("billing",)),
    Sender("bus", ("bus",), (), ("read", "search"), ("*",)),
    Sender("everybody", ("*",), (), ("read",), ("*",)),
    Sender("searcher", ("carrier",), (), ("search",), ("*",)),
    Sender("slow", ("carrier",), (), ("read",), ("*",), per_minute=6),
    Sender("named", ("carrier",), (), ("read", "personal"), (CENTRE,), persons=("li", "wang")),
    Sender("one", ("carrier",), (), ("read", "personal"), (CENTRE,), persons=("li",)),
    Sender("contacts_only", ("carrier",), ("web",), ("contacts",)),
)


@pytest.fixture
def body() -> dict[str, Any]:
    ticket: dict[str, Any] = json.loads(TicketScenario.dispatched("network").current.to_json())
    # What the response adds to a ticket, and what a newer version has added to it.
    return ticket | {"history": [{"version": 1, "actor": {"name": "li"}}], "newer": {"a": [1]}}


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> list[AccessRecord]:
    written: list[AccessRecord] = []
    monkeypatch.setattr(access_log, "write", lambda _, record: written.append(record))
    return written


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any]) -> HttpDoor:
    door = HttpDoor(tmp_path, *SENDERS)
    door.context.packs = PACKS

    def tickets(_: object, **wanted: Any) -> list[dict[str, Any]]:
        known = {"number": body["number"], "phone": PHONE, "identity": "openid"}
        return [body] * all(wanted[name] in {None, value} for name, value in known.items())

    monkeypatch.setattr(outcomes, "whole_ticket", lambda _, number: body if number == body["number"] else None)
    monkeypatch.setattr(outcomes, "tickets", tickets)
    return door


def get(door: HttpDoor, name: str, path: str, who: str = "", **parameters: Any) -> httpx.Response:
    headers = key(name) | ({"X-Actor": who} if who else {})
    return door.send("GET", path, params=parameters, headers=headers)


def without_number(response: httpx.Response, number: str) -> tuple[int, str, dict[str, str]]:
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return response.status_code, response.text.replace(number, "?"), headers


@pytest.mark.parametrize("name", ["billing", "bus"])
@pytest.mark.usefixtures("records")
def test_a_ticket_out_of_reach_is_as_one_that_there_is_not(door: HttpDoor, body: dict[str, Any], name: str) -> None:
    hidden = get(door, name, f"/v1/tickets/{body['number']}")
    unknown = get(door, name, "/v1/tickets/TS20260312999999")
    assert hidden.status_code == 404
    assert without_number(hidden, body["number"]) == without_number(unknown, "TS20260312999999")
    assert get(door, name, "/v1/tickets", number=body["number"]).json() == {"tickets": []}
    assert get(door, name, "/v1/tickets", phone=PHONE, purpose="x").json() == {"tickets": []}


@pytest.mark.parametrize("name", ["carrier_all", "network", "everybody"])
def test_whoever_may_read_a_ticket_sees_it_masked_and_is_recorded(
    door: HttpDoor, body: dict[str, Any], records: list[AccessRecord], name: str
) -> None:
    response = get(door, name, f"/v1/tickets/{body['number']}", who="li", purpose="查进度")
    assert (response.status_code, response.json()["customer"]["phone"]) == (200, "****0101")
    assert response.headers["cache-control"] == "no-store"
    assert records == [AccessRecord(name, "li", "ticket", "number", (body["number"],), "masked", "查进度")]
    assert door.counter("reads", route="ticket", scope="masked") == 1


def test_a_key_that_shows_personal_data_names_the_person(
    door: HttpDoor, body: dict[str, Any], records: list[AccessRecord]
) -> None:
    path = f"/v1/tickets/{body['number']}"
    refused = get(door, "centre", path)
    assert (refused.status_code, reasons(refused)) == (400, [("X-Actor", "missing")])
    assert records == []
    assert get(door, "centre", path, who=quote("李明")).json()["customer"]["phone"] == PHONE
    assert get(door, "centre", path, actor="王").status_code == 200
    assert [(record.person, record.fields) for record in records] == [("李明", "personal"), ("王", "personal")]


def test_a_key_reads_for_its_own_persons(door: HttpDoor, body: dict[str, Any], records: list[AccessRecord]) -> None:
    path = f"/v1/tickets/{body['number']}"
    assert get(door, "named", path, who="zhao").status_code == 403
    assert get(door, "named", path, who="wang").status_code == 200
    assert get(door, "one", path).status_code == 200
    assert [record.person for record in records] == ["wang", "li"]


def test_a_search_needs_its_own_right_and_a_purpose(door: HttpDoor, records: list[AccessRecord]) -> None:
    for name in ("everybody", "contacts_only"):
        assert get(door, name, "/v1/tickets", phone=PHONE, purpose="x").status_code == 403
    for sought in ({"phone": PHONE}, {"identity": "openid"}):
        response = get(door, "searcher", "/v1/tickets", **sought)
        assert (response.status_code, reasons(response)) == (400, [("purpose", "missing")])
        assert len(get(door, "searcher", "/v1/tickets", purpose="客户来电", **sought).json()["tickets"]) == 1
    assert get(door, "searcher", "/v1/tickets", number="x").status_code == 403
    assert [(record.sought, record.purpose) for record in records] == [("phone", "客户来电"), ("identity", "客户来电")]
    assert all(record.digest for record in records)
    assert "13800000101" not in str(records)


def test_a_search_that_finds_nothing_is_recorded_too(door: HttpDoor, records: list[AccessRecord]) -> None:
    assert get(door, "searcher", "/v1/tickets", phone="13900000009", purpose="x").json() == {"tickets": []}
    assert get(door, "carrier_all", "/v1/tickets", number="TS1").json() == {"tickets": []}
    assert [(record.sought, record.tickets) for record in records] == [("phone", ())]


@pytest.mark.usefixtures("records")
def test_searches_have_a_limit_of_their_own(door: HttpDoor, body: dict[str, Any]) -> None:
    statuses = [get(door, "searcher", "/v1/tickets", phone=PHONE, purpose="x").status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    refused = get(door, "searcher", "/v1/tickets", phone=PHONE, purpose="x")
    assert int(refused.headers["retry-after"]) >= 1
    assert reasons(refused) == [("Authorization", "too_many")]
    assert get(door, "carrier_all", "/v1/tickets", number=body["number"]).status_code == 200


@pytest.mark.usefixtures("records")
def test_reading_passes_the_rate_limit_of_the_key(door: HttpDoor, body: dict[str, Any]) -> None:
    path = f"/v1/tickets/{body['number']}"
    assert [get(door, "slow", path).status_code for _ in range(2)] == [200, 429]


def test_what_cannot_be_recorded_is_not_shown(
    door: HttpDoor, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object, __: AccessRecord) -> None:
        raise Retryable("the reading cannot be recorded")

    monkeypatch.setattr(access_log, "write", fail)
    for path, parameters in (
        (f"/v1/tickets/{body['number']}", {}),
        ("/v1/tickets", {"number": body["number"]}),
        ("/v1/tickets", {"phone": PHONE, "purpose": "x"}),
    ):
        response = get(door, "carrier_all", path, **parameters)
        assert response.status_code == 503
        assert body["number"] not in response.text


@pytest.mark.usefixtures("records")
def test_a_search_is_bounded(door: HttpDoor, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "tickets", lambda _, most, **__: [body] * most)
    found = get(door, "carrier_all", "/v1/tickets", phone=PHONE, purpose="x").json()["tickets"]
    assert len(found) == 50
