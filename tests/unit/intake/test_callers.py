"""The doors of callers and of the survey page, without a system behind them."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from services.domain import survey_link
from services.domain.ids import command_id
from services.domain.survey_link import SurveyInvitation
from services.intake import callbacks, outcomes, problems, survey
from services.intake.http_context import HttpContext
from services.intake.metrics import IntakeMetrics
from tests.builders import MORNING

SECRET = "secret"
WORST = "1分：很不满意"


class Door:
    """A door behind which the ledger decides at once."""

    class Settings:
        """What links are signed with."""

        contact_key_secret = SecretStr(SECRET)

    settings = Settings
    database = None

    @property
    def senders(self) -> "Door":
        return self

    def authenticate(self, _: str | None) -> "Door":
        return self

    def require_action(self, _: str) -> None: ...

    def check_rate(self, _: "Door") -> None: ...

    def require_clock(self) -> "Door":
        return self

    def now(self) -> datetime:
        return MORNING

    async def query(self, read: Callable[[], Any]) -> Any:
        return read()

    async def publish(self, _: list[Any]) -> None: ...

    async def wait_for(self, _: float, read: Callable[[], Any], __: Callable[[Any], bool]) -> Any:
        return read()


def ask(install: Callable[[FastAPI, HttpContext], None], method: str, path: str, **told: Any) -> httpx.Response:
    app = FastAPI()
    problems.install(app, IntakeMetrics(CollectorRegistry()))
    install(app, cast("HttpContext", Door()))

    async def one() -> httpx.Response:
        door = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=door, base_url="http://door") as client:
            return await client.request(method, path, **told)

    return asyncio.run(one())


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
def test_a_call_that_is_refused_does_not_stand_in_the_way_of_the_next(due: list[dict[str, Any]]) -> None:
    answer = ask(callbacks.install, "POST", "/v1/callbacks/next", params={"agent": "li", "centre": "hq_centre"})
    assert answer.json() == due[1]
    del due[1]
    answer = ask(callbacks.install, "POST", "/v1/callbacks/next", params={"agent": "li", "centre": "hq_centre"})
    assert answer.status_code == 404


@pytest.mark.usefixtures("due")
def test_who_cannot_be_told_in_time_whose_call_it_is_gets_no_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "command_outcome", lambda _, __: None)
    answer = ask(callbacks.install, "POST", "/v1/callbacks/next", params={"agent": "li", "centre": "hq_centre"})
    assert answer.status_code == 503


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch) -> str:
    """A link that waits for its answer."""
    asked = {"number": "TS1", "run": 1, "answered": False, "language": "zh"}
    monkeypatch.setattr(outcomes, "survey_ticket", lambda _, __: asked)
    return f"/s/{survey_link.make_token(SurveyInvitation(uuid4(), 1, MORNING + timedelta(days=1)), SECRET)}"


@pytest.mark.requirement("R5.4")
@pytest.mark.parametrize("body", ["a=1&" * 30, "comment=" + "x" * 20_000])
def test_a_form_that_is_none_of_ours_gets_a_page(link: str, body: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = ask(survey.install, "POST", link, content=body, headers=headers)
    assert answer.status_code in {400, 413}
    assert "<h1>提交的内容无法识别</h1>" in answer.text
    assert "could not read" in ask(survey.install, "POST", f"{link}?language=en", content=body, headers=headers).text


@pytest.mark.requirement("R5.4")
def test_every_choice_says_what_it_means(link: str) -> None:
    page = ask(survey.install, "GET", link).text
    assert page.count("<fieldset") == page.count("<legend") == 3
    assert page.count(WORST) == 3
    assert page.count("5分：非常满意") == 3
    english = ask(survey.install, "GET", f"{link}?language=en").text
    assert english.count("1: very dissatisfied") == english.count("5: very satisfied") == 3
