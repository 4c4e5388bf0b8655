"""Actions that change a few fields of what a ticket has: completed at the door from the ticket as it stands (R2.7).

`reclassify` and `split` take a whole classification, `correct` a whole customer. Whoever changes one field of them
sends `set` with that field instead. The version of the ticket that it was completed from goes with the command, so the
ledger refuses it if the ticket has changed meanwhile. Pure.
"""

from collections.abc import Mapping
from typing import Any

from schemas.base import Model, field_names
from schemas.contact import Customer
from schemas.ticket import Classification, Reason, Ticket
from services.domain.events import suggest
from services.intake.domain.fields import InvalidPayload, invalid_payload

SET = "set"
COMPLETED: Mapping[str, tuple[str, type[Model]]] = {
    "reclassify": ("classification", Classification),
    "split": ("classification", Classification),
    "correct": ("customer", Customer),
}
"""The field of each such action that is completed, and its model."""
BY_HAND, SOURCE = "reclassified by hand", "R2.7"


def is_partial(request: Mapping[str, Any]) -> bool:
    """Return whether the action of a request says only what changes."""
    action = request.get("action")
    return isinstance(action, Mapping) and SET in action


def completed(request: Mapping[str, Any], ticket: Ticket) -> dict[str, Any]:
    """Return a request with the whole of what its action changes, and the version that it was completed from.

    Args:
        request: with an action that has `set`.
        ticket: as it stands.

    Raises:
        InvalidPayload: with the field, and what there is.

    """
    action = dict(request["action"])
    name, model = COMPLETED.get(str(action.get("type")), ("", Model))
    changes = action.pop(SET)
    if not name:
        raise _invalid(f"action.{SET}", f"only {', '.join(sorted(COMPLETED))} take `{SET}`: leave it out")
    if name in action:
        raise _invalid(f"action.{name}", f"send either {name}, whole, or `{SET}` with the fields that change")
    if not isinstance(changes, Mapping) or not changes:
        raise _invalid(f"action.{SET}", f"write an object with the fields of {name} that change")
    known = set(field_names(model)) - {"reasons"}
    for field in changes:
        if field not in known:
            raise _invalid(f"action.{SET}.{field}", f"there is no such field: {suggest(field, known)}")
    present: Model = getattr(ticket, name)
    whole: dict[str, Any] = {**present.to_plain(), **changes}
    if isinstance(present, Classification):
        whole |= _follows(present, changes)
    version = request.get("expected_version")
    return {
        **request,
        "action": {**action, name: whole},
        "expected_version": ticket.version if version is None else version,
    }


def _follows(present: Classification, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what follows from a change of a classification: its reasons, and the way to another department."""
    reasons = [each for each in present.reasons if each.subject not in changes and each.subject != "classification"]
    by_hand = [
        Reason(subject=field, value=str(value)[:1000], rule=BY_HAND, source=SOURCE) for field, value in changes.items()
    ]
    found: dict[str, Any] = {"reasons": [each.to_plain() for each in (*reasons, *by_hand)][-50:]}
    if "department" in changes and "path" not in changes and present.path:
        department = changes["department"]
        found["path"] = [present.path[0], department] if department is not None else [present.path[0]]
        found["triage"] = changes.get("triage") if department is not None else present.triage
    return found


def _invalid(field: str, message: str) -> InvalidPayload:
    return invalid_payload(field, "bad_schema", message)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of these actions, for the documentation of the door."""
    return {
        "type": "object",
        "description": "changes a few fields: `set` stands for the whole classification (reclassify, split) or the "
        "whole customer (correct), and is completed from the ticket as it stands; refused with version_mismatch if it "
        "changes meanwhile",
        "required": ["type", SET, "reason"],
        "additionalProperties": False,
        "properties": {
            "type": {"enum": sorted(COMPLETED)},
            SET: {"type": "object", "minProperties": 1},
            "text": {"type": "string", "description": "of the other matter, for split"},
            "reason": {"type": "string"},
        },
    }
