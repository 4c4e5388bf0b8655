"""Parses the commands that people and programs send by HTTP (R2.7), and judges early who may (DECISIONS 34)."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import msgspec

from schemas import validation_errors
from schemas.command import MODELS, Actor, Command
from schemas.ticket import Ticket
from services.domain.authority.judge import NOT_ALLOWED, judge
from services.domain.authority.table import internal_actions
from services.domain.ids import command_id
from services.domain.policy.pack import Pack
from services.intake import actors, problems
from services.intake.actors import IdentifiedActor
from services.intake.domain.contact_builder import describe_error
from services.intake.domain.envelope import parse_json_object
from services.intake.domain.fields import InvalidPayload
from services.intake.domain.partial_actions import completed, is_partial
from services.intake.senders import Sender
from services.shared.runtime.clock import Clock
from services.shared.runtime.errors import Problem

INTERNAL = internal_actions()
"""Actions that only our own services take."""
FIELDS = ("action", "actor", "customer", "expected_version")
"""Fields of a request."""
_NOBODY = Actor(kind="agent", name="-")
"""Stands on a command until it is known who acts."""


def parse_command(
    body: bytes, sender: Sender, ticket: UUID, clock: Clock, key: str, present: Ticket | None = None
) -> tuple[Command, IdentifiedActor]:
    """Build the command of a request, and say who acts by it; actor and authority are stamped from the key.

    Args:
        body: JSON object with action, actor, expected_version and, from a portal, customer.
        sender: the authenticated sender.
        ticket: id of the ticket.
        clock: business clock that stamps the command.
        key: the Idempotency-Key, from which the command's id is derived.
        present: the ticket as it stands, from which an action that names only what changes is completed.

    Raises:
        Problem: 400, with every error; 403 for an actor or an action that the key does not allow.

    """
    try:
        request = parse_json_object(body)
    except InvalidPayload as error:
        raise problems.invalid_payload(error) from error
    unknown = sorted(request.keys() - set(FIELDS))
    if unknown:
        raise problems.invalid_field(
            unknown[0], "bad_schema", f"a command has only {', '.join(FIELDS)}: leave this out"
        )
    action = request.get("action")
    if is_partial(request):
        request = _completed(request, present)
        action = request["action"]
    kind = action.get("type") if isinstance(action, dict) else None
    if isinstance(kind, str) and kind in INTERNAL:
        raise problems.invalid_field(
            "action.type", "bad_schema", f"{kind} is for services only: choose one of {_choices()}"
        )
    fields = {
        "id": command_id(sender.name, key),
        "ticket_id": ticket,
        "at": clock.now(),
        "actor": _NOBODY,
        "expected_version": request.get("expected_version"),
        "action": action,
    }
    command, errors = None, tuple[Mapping[str, str], ...]()
    try:
        command = Command.from_plain(fields)
    except msgspec.ValidationError:
        errors = tuple(
            {
                "field": cause.field,
                "reason": "bad_schema",
                "detail": f"{describe_error(cause.message)}; see /docs for the fields",
            }
            for cause in _command_errors(action, fields)
        )
    try:
        identified = actors.identify(request, sender)
    except Problem as problem:
        if problem.status != 400 or not errors:  # noqa: PLR2004 - the status of what is written wrongly
            raise
        errors = (*errors, *problem.errors)
    if command is None or errors:
        raise Problem(400, "The command cannot be used", errors=errors)
    require_may(command.action.type, sender)
    authority = sender.authority if identified.claim is None else None
    return command.replace(actor=identified.actor, authority=authority), identified


def _completed(request: Mapping[str, Any], ticket: Ticket | None) -> dict[str, Any]:
    if ticket is None:
        raise problems.unavailable("the ticket cannot be read now, so its other fields are not known")
    try:
        return completed(request, ticket)
    except InvalidPayload as error:
        (fault,) = error.errors
        raise problems.invalid_field(fault.field, fault.reason, fault.message) from error


def require_may(action: str, sender: Sender) -> None:
    """Check that a key may take an action, by its own list of actions.

    Raises:
        Problem: 403; names the actions that it may take.

    """
    if sender.may and action not in sender.may:
        raise _not_allowed(f"the key may only {', '.join(sender.may)}: ask for one that may {action}")


def require_right(command: Command, ticket: Ticket, pack: Pack) -> None:
    """Check that a command is allowed on a ticket as it stands now; the ledger judges it again when it decides.

    Raises:
        Problem: 403; names who may.

    """
    verdict = judge(ticket, command, pack)
    if verdict.code == NOT_ALLOWED:
        raise _not_allowed(verdict.message)


def _not_allowed(what_to_do: str) -> Problem:
    return problems.forbidden("action.type", what_to_do, title="This is not allowed")


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
