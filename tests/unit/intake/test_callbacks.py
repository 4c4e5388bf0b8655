"""Tests of the routes for agents who call customers back: each takes calls of the own packs and centres alone."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from schemas.command import Command
from services.domain.ids import command_id
from services.intake import access_log, callbacks, outcomes, problems
from services.intake.access_log import AccessRecord
from services.intake.senders import Sender
from tests.builders import MORNING
from tests.unit.intake.fake_context import FakeContext, request

AGENTS = Sender(
    "headquarters", ("carrier",), (), ("commands", "read"), units=("hq_centre",), roles=("callback",), persons=("li",)
)


def take_next(sender: Sender = AGENTS, **options: str) -> httpx.Response:
    return send("POST", "/v1/callbacks/next", sender, **{"agent": "li", **options})[0]


def send(method: str, path: str, sender: Sender, **params: str) -> tuple[httpx.Response, FakeContext]:
    context = FakeContext(sender)
    return request(callbacks.install, method, path, context, params=params), context


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> list[AccessRecord]:
    """The readings that were recorded."""
    written: list[AccessRecord] = []
    monkeypatch.setattr(access_log, "write", lambda _, record: written.append(record))
    return written


@pytest.fixture
def due(monkeypatch: pytest.MonkeyPatch, records: list[AccessRecord]) -> list[dict[str, Any]]:  # noqa: ARG001
    """Two calls of headquarters that are due; the ledger refuses the first."""
    rows: list[dict[str, Any]] = [
        {"ticket_id": str(uuid4()), "version": version, "number": f"TS{version}", "centre": "hq_centre"}
        for version in (7, 3)
    ]
    refused = command_id(UUID(rows[0]["ticket_id"]), "start_callback", 7, "li")

    def calls(
        _: object, now: datetime, limit: int, *, packs: Sequence[str] | None, centres: Sequence[str] | None
    ) -> list[dict[str, Any]]:
        assert now == MORNING
        assert packs is None or "carrier" in packs
        return rows[:limit] if centres is None or "hq_centre" in centres else []

    def decided(_: object, command: UUID) -> dict[str, Any]:
        return {"outcome": "refused" if command == refused else "done"}

    monkeypatch.setattr(outcomes, "due_calls", calls)
    monkeypatch.setattr(outcomes, "command_outcome", decided)
    return rows


@pytest.mark.requirement("R5.3")
def test_a_refused_call_does_not_block_the_next(due: list[dict[str, Any]]) -> None:
    assert take_next().json() == due[1]
    del due[1]
    assert take_next().status_code == 404


@pytest.mark.usefixtures("due")
def test_no_second_call_is_tried_while_the_first_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "command_outcome", lambda _, __: None)
    assert take_next().status_code == 503


@pytest.mark.usefixtures("due")
def test_the_call_is_taken_for_its_centre_by_the_key_that_asked() -> None:
    response, context = send("POST", "/v1/callbacks/next", AGENTS, agent="li")
    assert response.status_code == 200
    command = Command.from_record(context.published[-1].value or b"")
    assert (command.actor.name, command.actor.unit, command.actor.key) == ("li", "hq_centre", "headquarters")
    assert command.authority == AGENTS.authority


@pytest.mark.usefixtures("due")
@pytest.mark.parametrize(
    ("changes", "params", "field"),
    [
        ({"roles": ()}, {}, "Authorization"),
        ({"may": ("note",)}, {}, "action.type"),
        ({}, {"agent": "wang"}, "agent"),
        ({}, {"centre": "provincial_centre"}, "centre"),
        ({}, {"pack": "bank"}, "pack"),
    ],
)
def test_what_the_key_does_not_reach_is_403(changes: dict[str, Any], params: dict[str, str], field: str) -> None:
    response = take_next(replace(AGENTS, **changes), **params)
    assert (response.status_code, response.json()["errors"][0]["field"]) == (403, field)


@pytest.mark.usefixtures("due")
def test_calls_of_other_centres_are_neither_listed_nor_taken() -> None:
    other = replace(AGENTS, units=("provincial_centre",))
    assert take_next(other).status_code == 404
    assert send("GET", "/v1/callbacks", other)[0].json() == {"callbacks": []}
    assert len(send("GET", "/v1/callbacks", AGENTS)[0].json()["callbacks"]) == 2
    assert send("GET", "/v1/callbacks", replace(AGENTS, roles=()))[0].status_code == 403


@pytest.mark.requirement("R5.3", "R5.6")
def test_the_phone_is_shown_to_whoever_has_taken_the_call_alone(
    due: list[dict[str, Any]], records: list[AccessRecord]
) -> None:
    for call in due:
        call |= {"phone": "+8613800000101", "name": "李女士"}
    listed = send("GET", "/v1/callbacks", AGENTS)[0].json()["callbacks"]
    assert [(call["phone"], call["name"]) for call in listed] == [("****0101", "李**")] * 2
    taken = take_next().json()
    assert (taken["phone"], taken["name"]) == ("+8613800000101", "李女士")
    kept = [(record.route, record.person, record.fields, record.tickets) for record in records]
    assert kept == [
        ("callbacks", "li", "masked", ("TS7", "TS3")),
        ("callback", "li", "personal", ("TS3",)),
    ]


@pytest.mark.usefixtures("due")
def test_a_taken_call_that_cannot_be_recorded_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object, __: AccessRecord) -> None:
        raise problems.unavailable("not recorded")

    monkeypatch.setattr(access_log, "write", fail)
    assert take_next().status_code == 503
    assert send("GET", "/v1/callbacks", AGENTS)[0].status_code == 503
