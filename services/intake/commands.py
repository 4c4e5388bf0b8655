"""Parses the commands that people and programs send by HTTP (R2.7)."""

from collections.abc import Iterator
from uuid import UUID

import msgspec

from schemas import validation_errors
from schemas.command import MODELS, Actor, Command
from services.domain.ids import command_id
from services.intake import problems
from services.intake.domain.envelope import parse_json_object
from services.intake.domain.fields import InvalidPayload
from services.intake.senders import Sender
from services.shared.runtime.clock import Clock
from services.shared.runtime.errors import Problem

INTERNAL = frozenset(
    {
        "open",
        "remind",
        "tick",
        "call_back",
        "end_callback",
        "apply_policy",
        "join_hot_issue",
        "join_call",
        "report_undeliverable",
    }
)
"""Actions that only services may send."""
FIELDS = frozenset({"action", "actor", "expected_version"})
"""Fields of a request."""


def parse_command(body: bytes, sender: Sender, ticket: UUID, clock: Clock, key: str) -> Command:
    """Build the command of a request.

    Args:
        body: JSON object with action, actor and expected_version.
        sender: the authenticated sender.
        ticket: id of the ticket.
        clock: business clock that stamps the command.
        key: the Idempotency-Key, from which the command's id is derived.

    Raises:
        Problem: 400, with every error.

    """
    try:
        request = parse_json_object(body)
    except InvalidPayload as error:
        raise problems.invalid_payload(error) from error
    unknown = sorted(request.keys() - FIELDS)
    if unknown:
        raise problems.invalid_field(
            unknown[0], "bad_schema", "a command has only action, actor and expected_version: leave this out"
        )
    action = request.get("action")
    if isinstance(action, dict) and action.get("type") in INTERNAL:
        raise problems.invalid_field(
            "action.type", "bad_schema", f"{action['type']} is for services only: choose one of {_choices()}"
        )
    command = {
        "id": command_id(sender.name, key),
        "ticket_id": ticket,
        "at": clock.now(),
        "actor": request.get("actor") or Actor(kind="agent", name=sender.name),
        "expected_version": request.get("expected_version"),
        "action": action,
    }
    try:
        return Command.from_plain(command)
    except msgspec.ValidationError as error:
        errors = tuple(
            {"field": cause.field, "reason": "bad_schema", "detail": f"{cause.message}; see /docs for the fields"}
            for cause in _command_errors(action, command)
        )
        raise Problem(400, "The command cannot be used", errors=errors) from error


def _choices() -> str:
    return ", ".join(sorted(MODELS.keys() - INTERNAL))


def _command_errors(action: object, command: dict[str, object]) -> Iterator[validation_errors.FieldError]:
    """Yield everything that is wrong with a command; its action is checked against the model of its type."""
    yield from validation_errors.find_errors(Command, {**command, "action": {"type": "tick"}})
    kind = action.get("type") if isinstance(action, dict) else None
    model = MODELS.get(kind) if isinstance(kind, str) else None
    if not isinstance(action, dict):
        yield validation_errors.FieldError("action", "write a JSON object with type and the fields of that type")
    elif model is None:
        yield validation_errors.FieldError("action.type", f"choose one of {_choices()}")
    else:
        yield from validation_errors.find_errors(
            model, {name: value for name, value in action.items() if name != "type"}, "action"
        )
