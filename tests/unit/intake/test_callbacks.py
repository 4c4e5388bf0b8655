"""Tests of the routes for agents who call customers back."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.domain.ids import command_id
from services.intake import callbacks, outcomes
from tests.builders import MORNING
from tests.unit.intake.fake_context import request


def take_next() -> httpx.Response:
    return request(callbacks.install, "POST", "/v1/callbacks/next", params={"agent": "li", "centre": "hq_centre"})


@pytest.fixture
def due(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Two calls that are due; the ledger refuses the first."""
    rows: list[dict[str, Any]] = [
        {"ticket_id": str(uuid4()), "version": version, "number": f"TS{version}"} for version in (7, 3)
    ]
    refused = command_id(UUID(rows[0]["ticket_id"]), "start_callback", 7, "li")

    def calls(_: object, now: datetime, limit: int, *, pack: str | None, centre: str | None) -> list[dict[str, Any]]:
        assert now == MORNING
        assert (pack, centre) == (None, "hq_centre")
        return rows[:limit]

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
