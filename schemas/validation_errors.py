"""What is wrong with a value that is not of a model's shape: every fault, each with the path of its field."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from schemas.base import Model

_PATH = re.compile(r"^(?P<message>.*?)(?: - at `(?:key in )?\$?(?P<path>.*)`)?$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field at fault.

    Attributes:
        field: its path, such as customer.phone; empty: the whole.
        message: what is expected.

    """

    field: str
    message: str


def to_field_error(error: msgspec.ValidationError, path: str = "") -> FieldError:
    """Return the fault of an error; `path` is where the value that was read stands."""
    told = _PATH.match(str(error))
    assert told is not None
    within = re.sub(r"\[([0-9]+)\]", r".\1", (told["path"] or "").replace("[...]", "")).removeprefix(".")
    message = told["message"].replace("`", "")
    unknown = re.fullmatch(r"Object contains unknown field (\S+)", message)
    missing = re.fullmatch(r"Object missing required field (\S+)", message)
    if unknown is not None:
        within, message = _joined(within, unknown[1]), "there is no such field: leave it out"
    if missing is not None:
        within, message = _joined(within, missing[1]), "this field is missing"
    return FieldError(_joined(path, within), message)


def find_errors(model: type[Model], told: Mapping[str, Any], path: str = "") -> Iterator[FieldError]:
    """Return everything that is wrong with an object, not only what is found first."""
    fields = {each.encode_name: each for each in msgspec.structs.fields(model)}
    for name in told.keys() - fields.keys():
        yield FieldError(_joined(path, str(name)), "there is no such field: leave it out")
    for name, field in fields.items():
        here = _joined(path, name)
        if name not in told:
            if field.required:
                yield FieldError(here, "this field is missing")
            continue
        part = _model_of(field.type)
        if part is not None and isinstance(told[name], Mapping):
            yield from find_errors(part, told[name], here)
            continue
        try:
            msgspec.convert(told[name], field.type)
        except msgspec.ValidationError as error:
            yield to_field_error(error, here)


def _model_of(annotation: Any) -> type[Model] | None:
    """Return the model that a field holds, when it is one or nothing."""
    kinds = [annotation, *getattr(annotation, "__args__", ())]
    models = [each for each in kinds if isinstance(each, type) and issubclass(each, Model)]
    return models[0] if len(models) == 1 and models[0].__struct_config__.tag is None else None


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name
