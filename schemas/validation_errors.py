"""Finds everything that is wrong with a document that does not fit a model, each with the path of its field."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import inspect

from schemas.base import Model
from schemas.resolved_types import ensure_resolved
from schemas.unknown_fields import KEY

_PATH = re.compile(r"^(?P<message>.*?)(?: - at `(?P<in_key>key` in `)?\$?(?P<path>.*)`)?$", re.DOTALL)

_ALTERNATIVES = re.compile(r"Expected str matching regex '\^\((\w+(?:\|\w+)+)\)\$'")
"""A pattern that allows certain words only."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field.

    Attributes:
        field: its path, such as customer.phone; empty for the whole document.
        message: what is expected.

    """

    field: str
    message: str


def to_field_error(error: msgspec.ValidationError, annotation: Any, path: str = "") -> FieldError:
    """Convert an error of msgspec; where only certain values are allowed, the message lists them.

    Args:
        error: raised for a value.
        annotation: type that the value should have had.
        path: path of that value in the whole document.

    """
    match = _PATH.match(str(error))
    assert match is not None
    within = re.sub(r"\[([0-9]+)\]", r".\1", (match["path"] or "").replace("[...]", "")).removeprefix(".")
    message = match["message"].replace("`", "")
    unknown = re.fullmatch(r"Object contains unknown field (\S+)", message)
    missing = re.fullmatch(r"Object missing required field (\S+)", message)
    if unknown is not None:
        within, message = _joined(within, unknown[1]), "there is no such field: leave it out"
    if missing is not None:
        within, message = _joined(within, missing[1]), "this field is missing"
    pattern = _ALTERNATIVES.fullmatch(message)
    choices = (
        sorted(pattern[1].split("|"))
        if pattern
        else _choices(annotation, match["path"] or "", in_key=match["in_key"] is not None)
    )
    if choices and not (unknown or missing):
        message = f"choose one of {', '.join(choices)}"
    return FieldError(_joined(path, within), message)


def find_errors(model: type[Model], document: Mapping[str, Any], path: str = "") -> Iterator[FieldError]:
    """Return everything that is wrong with a document, where msgspec stops at the first error.

    Args:
        model: what it should fit.
        document: a decoded JSON object.
        path: path of the object in a larger document.

    """
    fields = {field.encode_name: field for field in msgspec.structs.fields(model) if field.encode_name != KEY}
    for name in document.keys() - fields.keys():
        yield FieldError(_joined(path, str(name)), "there is no such field: leave it out")
    for name, field in fields.items():
        here = _joined(path, name)
        if name not in document:
            if field.required:
                yield FieldError(here, "this field is missing")
            continue
        part = _model_of(field.type)
        if part is not None and isinstance(document[name], Mapping):
            yield from find_errors(part, document[name], here)
            continue
        ensure_resolved(field.type)
        try:
            msgspec.convert(document[name], field.type)
        except msgspec.ValidationError as error:
            yield to_field_error(error, field.type, here)


def _choices(annotation: Any, path: str, *, in_key: bool) -> list[str]:
    """Return the values that are allowed at a path of msgspec within a type; none where others are allowed, too."""
    types = _alternatives(inspect.type_info(annotation))
    for step in re.findall(r"\.([^.\[]+)|\[[^\]]*\]", path):
        types = [inner for type_ in types for inner in _inner(type_, step)]
    if in_key:
        types = [key for type_ in types if isinstance(type_, inspect.DictType) for key in _alternatives(type_.key_type)]
    choices: list[str] = []
    for type_ in types:
        if isinstance(type_, inspect.EnumType):
            choices += [str(member.value) for member in type_.cls]
        elif isinstance(type_, inspect.LiteralType):
            choices += map(str, type_.values)
        elif not isinstance(type_, inspect.NoneType):
            return []
    return sorted(choices)


def _alternatives(type_: inspect.Type) -> list[inspect.Type]:
    return list(type_.types) if isinstance(type_, inspect.UnionType) else [type_]


def _inner(type_: inspect.Type, name: str) -> list[inspect.Type]:
    """Return the types of a field, or of the items of a list or an object if there is no name."""
    if isinstance(type_, inspect.StructType) and name == type_.tag_field:
        return [inspect.LiteralType((type_.tag,))]
    if isinstance(type_, inspect.StructType):
        return [each for field in type_.fields if field.encode_name == name for each in _alternatives(field.type)]
    if isinstance(type_, inspect.CollectionType):
        return _alternatives(type_.item_type)
    return _alternatives(type_.value_type) if isinstance(type_, inspect.DictType) else []


def _model_of(annotation: Any) -> type[Model] | None:
    """Return the model of a field whose type is one model or None."""
    types = [annotation, *getattr(annotation, "__args__", ())]
    models = [type_ for type_ in types if isinstance(type_, type) and issubclass(type_, Model)]
    return models[0] if len(models) == 1 and models[0].__struct_config__.tag is None else None


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name
