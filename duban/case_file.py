"""Reads the file of `duban explain`: a contact, and commands with times and further contacts, as JSON or NDJSON.

Three forms mean the same:

- one object `{"contact": {...}, "commands": [...], "until": "..."}`, of which all but the contact may be left out;
- one object with the fields of a contact, which may have `commands` and `until` beside them;
- NDJSON: the first line is the contact, each further line a command.

A command has `at`, `action` (as at `POST /v1/tickets/<number>/commands`; the name alone, if it has no fields), and who
takes it: `unit` and `person`, or `actor` with `unit` and `name`; nobody, for the customer and for what only services
do. `ticket` (from 1) names another than the first ticket. With `contact` in the place of `action`, the customer writes
again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from duban.rehearsal_input import RehearsalError, build_action, check_names, instant, list_of_tables, table
from schemas.base import field_names
from schemas.command import Action
from schemas.contact import Contact
from services.intake.domain.envelope import parse_json_object
from services.intake.domain.fields import InvalidPayload

CASE_KEYS = ("contact", "commands", "until")
COMMAND_KEYS = (
    *("at", "action", "contact", "actor", "unit", "person", "level", "ticket", "expected_version"),
    *("id", "ticket_id", "policy", "authority"),
)
"""Keys of a command; the last four are of a command as the ledger gets it, and are set here, whatever the file says."""
ACTOR_KEYS = ("kind", "name", "unit", "key", "proof")
SERVICE = "service"


@dataclass(frozen=True, slots=True)
class CaseCommand:
    """One thing that happens after the first contact.

    Attributes:
        at: when.
        action: what is done; None if the customer writes again.
        contact: fields of that further contact.
        unit: that acts; None for the customer, or the service that does it.
        person: who acts for the unit.
        level: of the key's authority to compensate.
        ticket: which ticket of the case, from 1.
        expected_version: refused if the ticket has another.

    """

    at: datetime
    action: Action | None = None
    contact: Mapping[str, Any] | None = None
    unit: str | None = None
    person: str | None = None
    level: str | None = None
    ticket: int = 1
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class ContactCase:
    """A contact with what happens afterwards.

    Attributes:
        contact: fields of the contact that opens the first ticket.
        commands: in order of time.
        until: the time to which the clocks run on; None: to the last command.

    """

    contact: Mapping[str, Any]
    commands: tuple[CaseCommand, ...] = ()
    until: datetime | None = None


def parse_case(content: bytes) -> ContactCase:
    """Parse the content of a file.

    Raises:
        RehearsalError: it is no case; names the field, or the line, and says what to write.

    """
    lines = [(number, line) for number, line in enumerate(content.splitlines(), start=1) if line.strip()]
    first = _object(lines[0][1]) if len(lines) > 1 else None
    if first is None:
        return _from_object(_required_object(content, "the file"))
    commands = [_required_object(line, f"line {number}") for number, line in lines[1:]]
    if "commands" in first:
        raise RehearsalError("commands: write them in the first object or as lines of their own, not both")
    case = _from_object({**first, "commands": []})
    return ContactCase(case.contact, _commands(commands), case.until)


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        return parse_json_object(content)
    except InvalidPayload:
        return None


def _required_object(content: bytes, where: str) -> dict[str, Any]:
    try:
        return parse_json_object(content)
    except InvalidPayload as error:
        advice = 'write a contact as one JSON object, such as {"text": "宽带断网", "customer": {"level": "金卡"}}'
        raise RehearsalError(f"{where} is no JSON object ({error.errors[0].message}): {advice}") from error


def _from_object(document: Mapping[str, Any]) -> ContactCase:
    until = instant(document["until"], "until") if document.get("until") is not None else None
    commands = _commands(list_of_tables(document.get("commands") or [], "commands"))
    if "contact" in document:
        check_names(document, CASE_KEYS, "field beside `contact`")
        return ContactCase(table(document["contact"], "contact"), commands, until)
    contact = {name: value for name, value in document.items() if name not in CASE_KEYS}
    check_names(contact, (*field_names(Contact), "at"), "field of a contact")
    return ContactCase(contact, commands, until)


def _commands(documents: Iterable[Mapping[str, Any]]) -> tuple[CaseCommand, ...]:
    commands: list[CaseCommand] = []
    for number, document in enumerate(documents, start=1):
        try:
            command = _command(document)
        except RehearsalError as error:
            raise RehearsalError(f"commands.{number}: {error}") from error
        if commands and command.at < commands[-1].at:
            raise RehearsalError(
                f"commands.{number}.at: it is before the command above it: write them in order of time"
            )
        commands.append(command)
    return tuple(commands)


def _command(document: Mapping[str, Any]) -> CaseCommand:
    check_names(document, COMMAND_KEYS, "field of a command")
    if ("action" in document) == ("contact" in document):
        raise RehearsalError("write either `action`, or `contact` with what the customer writes")
    actor = table(document.get("actor") or {}, "actor")
    check_names(actor, ACTOR_KEYS, "field of an actor")
    is_service = actor.get("kind") == SERVICE
    writes_again = "contact" in document
    return CaseCommand(
        at=instant(document.get("at"), "at"),
        action=None if writes_again else build_action(document["action"], "action"),
        contact=table(document["contact"], "contact") if writes_again else None,
        unit=None if is_service else _text(document.get("unit", actor.get("unit")), "unit"),
        person=None if is_service else _text(document.get("person", actor.get("name")), "person"),
        level=_text(document.get("level"), "level"),
        ticket=_number(document.get("ticket", 1), "ticket"),
        expected_version=_number(document["expected_version"], "expected_version")
        if document.get("expected_version") is not None
        else None,
    )


def _text(value: object, field: str) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    raise RehearsalError(f"{field}: write a text, not {value!r}"[:300])


def _number(value: object, field: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise RehearsalError(f"{field}: write a whole number from 1, not {value!r}"[:300])
