"""Finds everything that is wrong with a document that does not fit a model, each with the path of its field."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from schemas.base import Model
from schemas.unknown_fields import KEY

_PATH = re.compile(r"^(?P<message>.*?)(?: - at `(?:key in )?\$?(?P<path>.*)`)?$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field.

    Attributes:
        field: its path, such as customer.phone; empty for the whole document.
        message: what is expected.

    """

    field: str
    message: str


def to_field_error(error: msgspec.ValidationError, path: str = "") -> FieldError:
    """Convert an error of msgspec.

    Args:
        error: raised for a value.
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
        try:
            msgspec.convert(document[name], field.type)
        except msgspec.ValidationError as error:
            yield to_field_error(error, here)


def _model_of(annotation: Any) -> type[Model] | None:
    """Return the model of a field whose type is one model or None."""
    types = [annotation, *getattr(annotation, "__args__", ())]
    models = [type_ for type_ in types if isinstance(type_, type) and issubclass(type_, Model)]
    return models[0] if len(models) == 1 and models[0].__struct_config__.tag is None else None


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name
