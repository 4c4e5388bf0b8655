"""A case is read in every form that the page describes, and refused in words with its field or line."""

import json
import re
from typing import Any

import pytest

from duban.case_file import parse_case
from duban.rehearsal_input import RehearsalError

AT = "2026-03-12T10:00:00+08:00"
COMMAND: dict[str, Any] = {"at": AT, "action": "close", "actor": {"name": "王敏", "unit": "provincial_centre"}}


def test_who_acts_stands_in_the_actor_or_beside_it() -> None:
    for who in ({"actor": {"name": "王敏", "unit": "network"}}, {"unit": "network", "person": "王敏"}):
        (command,) = parse_case(
            json.dumps({"text": "x", "commands": [{"at": AT, "action": "close", **who}]}).encode()
        ).commands
        assert (command.unit, command.person) == ("network", "王敏")


def test_a_command_as_the_ledger_gets_it_is_read() -> None:
    stored = {
        "id": "11111111-2222-5333-8444-555555555555",
        "ticket_id": "11111111-2222-5333-8444-555555555556",
        "at": AT,
        "actor": {"kind": "service", "name": "callback"},
        "policy": "carrier",
        "action": {"type": "call_back", "attempt": 1, "means": "sms"},
    }
    (command,) = parse_case(json.dumps({"contact": {"text": "x"}, "commands": [stored]}).encode()).commands
    assert (command.unit, command.person) == (None, None)


def test_empty_lines_between_the_lines_are_left_out() -> None:
    case = parse_case(b'{"text": "x"}\n\n' + json.dumps(COMMAND).encode() + b"\n")
    assert len(case.commands) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is no JSON object"),
        (b"[]", "the file is no JSON object (send one JSON object)"),
        (b"{", "the file is no JSON object"),
        (b"\xff\xfe\x00", "the file is no JSON object"),
        (b'{"text": "x"}\nnonsense', "line 2 is no JSON object"),
        (b'{"text": "x"}\n3', "line 2 is no JSON object"),
        (b'{"contact": 3}', "contact: write a table"),
        (b'{"contact": {}, "comands": []}', "did you mean 'commands'?"),
        (b'{"commands": 3}', "commands: write a list of tables"),
        (b'{"commands": [3]}', "commands.1: write a table"),
        (b'{"until": "soon"}', "until: 'soon' is no time with an offset"),
        (b'{"commands": []}\n{}', "commands: write them in the first object or as lines of their own"),
    ],
)
def test_a_file_that_is_no_case_is_refused_with_a_sentence(content: bytes, message: str) -> None:
    with pytest.raises(RehearsalError, match=re.escape(message)):
        parse_case(content)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unit": 3}, "commands.1: unit: write a text, not 3"),
        ({"ticket": 0}, "commands.1: ticket: write a whole number from 1, not 0"),
        ({"expected_version": "x"}, "commands.1: expected_version: write a whole number"),
        ({"actor": 3}, "commands.1: actor: write a table"),
        ({"actor": {"nmae": "x"}}, "did you mean 'name'?"),
        ({"unti": "network"}, "did you mean 'unit'?"),
        ({"contact": {}}, "commands.1: write either `action`, or `contact`"),
        ({"action": {"type": "dispach"}}, "commands.1: action.type: there is no action 'dispach'"),
        ({"action": {"type": "claim"}}, "commands.1: action.person: this field is missing"),
    ],
)
def test_a_command_that_cannot_be_read_names_its_field(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RehearsalError, match=re.escape(message)):
        parse_case(json.dumps({"text": "x", "commands": [COMMAND | changes]}).encode())


def test_a_further_contact_that_is_nothing_is_refused() -> None:
    content = json.dumps({"text": "x", "commands": [{"at": AT, "contact": None}]}).encode()
    with pytest.raises(RehearsalError, match=re.escape("commands.1: contact: write a table")):
        parse_case(content)


def test_commands_stand_in_order_of_time() -> None:
    earlier = COMMAND | {"at": "2026-03-12T09:00:00+08:00"}
    with pytest.raises(RehearsalError, match=re.escape("commands.2.at: it is before the command above it")):
        parse_case(json.dumps({"text": "x", "commands": [COMMAND, earlier]}).encode())
