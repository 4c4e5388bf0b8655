"""Reads the fields of an action as people type them: name=value, by the type that each field has."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import inspect

from schemas.base import Model, field_names
from schemas.command import MODELS
from services.domain.events import suggest
from services.intake.domain.partial_actions import COMPLETED, SET
from services.shared.runtime.errors import DubanError


def action_of(kind: str, fields: Iterable[str], changes: Iterable[str], texts: Mapping[str, str]) -> dict[str, Any]:
    """Return an action as the door takes it.

    Args:
        kind: of the action.
        fields: name=value, or name.field=value for a field within it.
        changes: the same, of what `reclassify`, `correct` and `split` change of the ticket; fields of other actions.
        texts: values of options of their own, such as reason; empty ones are left out.

    Raises:
        DubanError: something is not name=value, or there is no such action or field; says what there is.

    """
    model = MODELS.get(kind)
    if model is None:
        raise DubanError(f"there is no action {kind!r}: {suggest(kind, MODELS)}")
    action: dict[str, Any] = {"type": kind}
    part = COMPLETED.get(kind)
    for text in fields:
        _put(action, model, text)
    for text in changes:
        if part is None:
            _put(action, model, text)
        else:
            _put(action.setdefault(SET, {}), part[1], text)
    for name, value in texts.items():
        if value:
            _check(name, model)
            action[name] = value
    return action


def _put(target: dict[str, Any], model: type[Model], text: str) -> None:
    path, sign, value = text.partition("=")
    if not sign:
        raise DubanError(f"{text!r} is not in the form name=value")
    *above, name = path.split(".")
    type_: type[Model] | None = model
    for step in above:
        type_ = _check(step, type_) if type_ is not None else None
        target = target.setdefault(step, {})
        if not isinstance(target, dict):
            raise DubanError(f"{path}: {step} is given as a whole already")
    if type_ is not None:
        _check(name, type_)
    target[name] = _parsed(value, type_, name)


def _check(name: str, model: type[Model]) -> type[Model] | None:
    """Check that a model has a field, and return the model of the field if it has one."""
    known = [each for each in field_names(model) if each != "reasons"]
    if name not in known:
        raise DubanError(f"there is no field {name!r}: {suggest(name, known)}")
    classes = [type_.cls for type_ in _types(model, name) if isinstance(type_, inspect.StructType)]
    found = [each for each in classes if issubclass(each, Model)]
    return found[0] if len(found) == 1 else None


def _parsed(value: str, model: type[Model] | None, name: str) -> Any:
    """Return a value: text where the field is a text, as a phone number is; anything else as JSON."""
    if model is not None and value != "null":
        types = [type_ for type_ in _types(model, name) if not isinstance(type_, inspect.NoneType)]
        if all(isinstance(type_, inspect.StrType) for type_ in types):
            return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _types(model: type[Model], name: str) -> list[inspect.Type]:
    (field,) = [each for each in msgspec.structs.fields(model) if each.encode_name == name]
    type_ = inspect.type_info(field.type)
    return list(type_.types) if isinstance(type_, inspect.UnionType) else [type_]
