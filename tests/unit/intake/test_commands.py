"""Commands by HTTP: what the sender wrote wrongly is named, a field that we do not know too (DECISIONS 39)."""

import json
from typing import Any
from uuid import uuid4

import pytest

from schemas.unknown_fields import KEY
from services.intake.commands import parse_command
from services.intake.senders import Sender
from services.shared.runtime.clock import SystemClock
from services.shared.runtime.errors import Problem

SENDER = Sender("crm", "carrier", ("*",), ("commands",), None)
NOTE = {"type": "note", "text": "客户来电"}


def parse(**request: Any) -> object:
    return parse_command(json.dumps(request).encode(), SENDER, uuid4(), SystemClock(), "key").action


def test_a_command_is_built_of_action_and_actor() -> None:
    assert parse(action=NOTE, actor={"kind": "agent", "name": "王"}).text == "客户来电"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"action": NOTE, "newer": 1}, "newer"),
        ({"action": NOTE | {"newer": 1}}, "action.newer"),
        ({"action": NOTE, "actor": {"kind": "agent", "name": "王", "newer": 1}}, "actor.newer"),
        ({"action": NOTE | {KEY: {"newer": 1}}}, f"action.{KEY}"),
    ],
)
def test_a_field_that_there_is_not_is_refused_by_its_name(request_: dict[str, Any], field: str) -> None:
    with pytest.raises(Problem) as raised:
        parse(**request_)
    assert (raised.value.status, [error["field"] for error in raised.value.errors]) == (400, [field])
