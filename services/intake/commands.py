"""A command as a person or a program sends it by HTTP (R2.7)."""

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
"""Actions that only services take."""
FIELDS = frozenset({"action", "actor", "expected_version"})


def parse_command(body: bytes, who: Sender, ticket: UUID, clock: Clock, key: str) -> Command:
    """Make a command of a request.

    Args:
        body: JSON with action, actor and expected_version.
        who: whose key it is.
        ticket: the ticket it is for.
        clock: stamps it.
        key: the Idempotency-Key.

    Raises:
        Problem: 400, with every fault.

    """
    try:
        told = parse_json_object(body)
    except InvalidPayload as error:
        raise problems.invalid_payload(error) from error
    unknown = sorted(told.keys() - FIELDS)
    if unknown:
        raise problems.invalid_field(
            unknown[0], "bad_schema", "a command has action, actor and expected_version, nothing else"
        )
    action = told.get("action")
    if isinstance(action, dict) and action.get("type") in INTERNAL:
        raise problems.invalid_field("action.type", "bad_schema", f"{action['type']} is for services alone")
    said = {
        "id": command_id(who.name, key),
        "ticket_id": ticket,
        "at": clock.now(),
        "actor": told.get("actor") or Actor(kind="agent", name=who.name),
        "expected_version": told.get("expected_version"),
        "action": action,
    }
    try:
        return Command.from_plain(said)
    except msgspec.ValidationError as error:
        wrong = tuple(
            {"field": each.field, "reason": "bad_schema", "detail": f"{each.message}; see /docs for the fields"}
            for each in _command_errors(action, said)
        )
        raise Problem(400, "The command cannot be used", errors=wrong) from error


def _command_errors(action: object, said: dict[str, object]) -> Iterator[validation_errors.FieldError]:
    """Return everything that is wrong with a command; its action has a model of its own once its type is known."""
    yield from validation_errors.find_errors(Command, {**said, "action": {"type": "tick"}})
    kind = action.get("type") if isinstance(action, dict) else None
    model = MODELS.get(kind) if isinstance(kind, str) else None
    if not isinstance(action, dict):
        yield validation_errors.FieldError("action", "write a JSON object with type and the fields of that type")
    elif model is None:
        yield validation_errors.FieldError(
            "action.type", f"choose one of {', '.join(sorted(MODELS.keys() - INTERNAL))}"
        )
    else:
        yield from validation_errors.find_errors(
            model, {name: value for name, value in action.items() if name != "type"}, "action"
        )
