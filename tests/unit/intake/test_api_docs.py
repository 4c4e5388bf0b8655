"""Tests of who may read the description of the interface."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.intake import api_docs
from services.intake.senders import Sender
from services.intake.settings import IntakeSettings
from tests.unit.intake.http_door import HttpDoor, key


@pytest.mark.parametrize(
    ("environment", "setting", "needed"),
    [("production", None, True), ("local", None, False), ("production", "open", False), ("local", "key", True)],
)
def test_production_asks_for_a_key_unless_it_is_set_otherwise(environment: Any, setting: Any, *, needed: bool) -> None:
    assert api_docs.need_key(IntakeSettings(environment=environment, api_docs=setting)) is needed


def test_a_browser_is_asked_for_the_key_and_other_paths_are_left_alone(tmp_path: Path) -> None:
    door = HttpDoor(tmp_path, Sender("app", ("carrier",), ("app",), ("contacts",)))
    app = FastAPI()
    api_docs.install(app, door.context.senders, IntakeSettings(api_docs="key"))

    async def get(path: str, **options: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://intake") as client:
            return await client.get(path, **options)

    for path in ("/docs", "/openapi.json", "/docs/"):
        response = asyncio.run(get(path))
        assert (response.status_code, response.headers["www-authenticate"][:5]) == (401, "Basic")
    assert asyncio.run(get("/openapi.json", auth=("anybody", "app"))).status_code == 200
    assert asyncio.run(get("/openapi.json", headers=key("app"))).status_code == 200
    assert asyncio.run(get("/other")).status_code == 404
