"""Commands by HTTP: what was written wrongly is named (DECISIONS 39), and the door stamps the key (DECISIONS 35)."""

import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from schemas.command import Authority, Command
from schemas.unknown_fields import KEY
from services.intake.commands import INTERNAL, parse_command, require_right
from services.intake.senders import Sender
from services.shared.runtime.clock import SystemClock
from services.shared.runtime.errors import Problem
from tests.builders import PACK, TicketScenario

SENDER = Sender(
    "crm", ("carrier", "bank"), ("store",), ("commands",), units=("provincial_centre",), roles=("callback",), level="l1"
)
NOTE = {"type": "note", "text": "客户来电"}
WANG = {"name": "王"}


def parse(sender: Sender = SENDER, **request: Any) -> Command:
    return parse_command(json.dumps(request).encode(), sender, uuid4(), SystemClock(), "key")[0]


def refused(sender: Sender = SENDER, **request: Any) -> tuple[int, list[str]]:
    with pytest.raises(Problem) as raised:
        parse(sender, **request)
    return raised.value.status, [error["field"] for error in raised.value.errors]


def test_a_command_is_built_of_action_actor_and_what_its_key_is() -> None:
    command = parse(action=NOTE, actor=WANG, expected_version=3)
    assert command.action.text == "客户来电"  # type: ignore[union-attr]
    assert (command.actor.name, command.actor.unit, command.actor.key) == ("王", "provincial_centre", "crm")
    assert command.authority == Authority(
        packs=("carrier", "bank"),
        units=("provincial_centre",),
        channels=("store",),
        roles=("callback",),
        level="l1",
    )


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        ({"action": NOTE, "newer": 1}, ["newer"]),
        ({"action": NOTE, "authority": {"units": ["*"]}}, ["authority"]),
        ({"action": NOTE, "key": "crm"}, ["key"]),
        ({"action": NOTE | {"newer": 1}, "actor": WANG}, ["action.newer"]),
        ({"action": NOTE, "actor": WANG | {"newer": 1}}, ["actor.newer"]),
        ({"action": NOTE | {KEY: {"newer": 1}}, "actor": WANG}, [f"action.{KEY}"]),
        ({"action": {"type": "dispatch"}}, ["action.unit", "actor.name"]),
        ({"action": {"type": "dispatch"}, "actor": WANG, "expected_version": 0}, ["expected_version", "action.unit"]),
        ({"actor": WANG}, ["action"]),
        ({"action": {"type": ["note"]}, "actor": WANG}, ["action.type"]),
    ],
)
def test_a_field_that_is_wrong_is_refused_by_its_name(request_: dict[str, Any], fields: list[str]) -> None:
    assert refused(**request_) == (400, fields)


def test_what_only_our_services_do_does_not_come_through_the_door() -> None:
    assert {"open", "tick", "apply_policy", "join_hot_issue", "call_back"} <= INTERNAL
    for action in INTERNAL:
        assert refused(action={"type": action}, actor=WANG) == (400, ["action.type"])


def test_a_key_that_may_only_some_actions_may_no_other() -> None:
    only = replace(SENDER, may=("note",))
    assert parse(only, action=NOTE, actor=WANG).authority == only.authority
    assert refused(only, action={"type": "close", "cause": "x"}, actor=WANG) == (403, ["action.type"])


@pytest.mark.requirement("R5.1", "R5.2")
@pytest.mark.parametrize(
    ("unit", "action", "who"),
    [
        ("billing", {"type": "withdraw", "reason": "x"}, "customer, centre (provincial_centre), accepting"),
        ("billing", {"type": "claim", "person": "x"}, "holder (network)"),
        ("network", {"type": "answer", "explanation": "x", "agreement": "agreed"}, "answering"),
        ("network", {"type": "merge", "into": str(uuid4()), "reason": "x"}, "centre (provincial_centre)"),
        ("nowhere", {"type": "note", "text": "x"}, "has no unit nowhere"),
    ],
)
def test_who_may_not_is_refused_with_who_may(unit: str, action: dict[str, Any], who: str) -> None:
    """Lifecycle A3: a department cannot withdraw, merge or claim what it does not hold."""
    ticket = TicketScenario.dispatched("network").current
    command = parse(replace(SENDER, units=(unit,)), action=action, actor=WANG)
    with pytest.raises(Problem) as raised:
        require_right(command, ticket, PACK)
    assert raised.value.status == 403
    assert who in raised.value.detail


def test_what_only_lacks_evidence_is_left_to_the_ledger() -> None:
    ticket = TicketScenario.dispatched("network").current
    require_right(parse(action={"type": "withdraw", "reason": "x"}, actor=WANG), ticket, PACK)


def test_nothing_is_completed_from_a_ticket_that_cannot_be_read() -> None:
    action = {"type": "reclassify", "set": {"tier": "national"}, "reason": "x"}
    with pytest.raises(Problem) as raised:
        parse(action=action, actor=WANG)
    assert raised.value.status == 503


def test_what_cannot_be_completed_is_named() -> None:
    body = json.dumps({"action": {"type": "reclassify", "set": {"teir": "x"}, "reason": "x"}, "actor": WANG}).encode()
    with pytest.raises(Problem) as raised:
        parse_command(body, SENDER, uuid4(), SystemClock(), "key", TicketScenario.opened().current)
    assert [error["field"] for error in raised.value.errors] == ["action.set.teir"]
