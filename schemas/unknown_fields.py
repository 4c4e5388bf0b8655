"""Reads documents that a newer version of Duban has written, and writes them again without losing what it added.

Doors refuse a field that they do not know, by its name. Topics and tables are written by our own services, perhaps by
a newer version of one (DECISIONS 39): there a field that this version does not know is ignored, kept on the model in
which it was found, and stands in the document again when the model is encoded.
"""

import types
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from schemas.resolved_types import ensure_resolved

KEY = "$unknown"
"""Name under which a model holds its unknown fields between decoding and encoding; never in a document."""

T = TypeVar("T")


class UnknownFields:
    """The unknown fields of one object as decoded JSON; compared and hashed by value.

    No JSON value is of this type, so a document cannot set the field of a model that holds it.
    """

    __slots__ = ("_encoded", "fields")

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields
        self._encoded = msgspec.json.encode(fields, order="sorted")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnknownFields) and self._encoded == other._encoded

    def __hash__(self) -> int:
        return hash(self._encoded)

    def __repr__(self) -> str:
        return f"UnknownFields({self._encoded.decode()})"

    def merged(self, newer: "UnknownFields") -> "UnknownFields":
        """Return these fields with those of a later document in the place of their own."""
        return UnknownFields({**self.fields, **newer.fields})


Unknown = Annotated[UnknownFields, msgspec.Meta(extra_json_schema={"title": KEY})] | msgspec.UnsetType


def decode(value: bytes | str, type_: type[T]) -> T:
    """Decode a JSON document that Duban has written; unknown fields are kept.

    Raises:
        msgspec.DecodeError: it is not JSON.
        msgspec.ValidationError: it does not fit the type, apart from unknown fields.

    """
    ensure_resolved(type_)
    try:
        return msgspec.json.decode(value, type=type_)
    except msgspec.ValidationError:
        # Rare, only while two versions are at work: so the usual way is as fast as can be.
        return msgspec.convert(_marked(msgspec.json.decode(value), type_), type_)


def convert(plain: Any, type_: Any) -> Any:
    """Convert decoded JSON that Duban has written, as `decode` does a document.

    Raises:
        msgspec.ValidationError: it does not fit the type, apart from unknown fields.

    """
    ensure_resolved(type_)
    try:
        return msgspec.convert(plain, type_)
    except msgspec.ValidationError:
        return msgspec.convert(_marked(plain, type_), type_)


def encode(value: Any, *, order: Literal["deterministic"] | None = None) -> bytes:
    """Encode a value as a JSON document, with the unknown fields of its models in their places.

    Args:
        value: models, or what JSON has.
        order: `deterministic` for a document that is the same for equal values, whatever the order of their mappings.

    """
    try:
        return msgspec.json.encode(value, order=order)
    except TypeError:
        plain = _unmarked(msgspec.to_builtins(value, enc_hook=_fields_of, str_keys=True))
        return msgspec.json.encode(plain, order=order)


def _fields_of(value: Any) -> Any:
    if isinstance(value, UnknownFields):
        return value.fields
    raise TypeError(f"a {type(value).__name__} cannot stand in JSON: encode a model, or what JSON has")


def _unmarked(plain: Any) -> Any:
    if isinstance(plain, dict):
        unknown = plain.pop(KEY, {})
        return {name: _unmarked(item) for name, item in plain.items()} | unknown
    if isinstance(plain, list | tuple):
        return [_unmarked(item) for item in plain]
    return plain


def _marked(value: Any, annotation: Any) -> Any:
    """Return decoded JSON in which the unknown fields of each object stand under `KEY`."""
    if isinstance(value, dict):
        model = _model_for(value, annotation)
        if model is not None:
            return _marked_object(value, model)
        mappings = _arguments(annotation, dict)
        return {name: _marked(item, mappings[0][1]) for name, item in value.items()} if mappings else value
    if isinstance(value, list):
        items = _arguments(annotation, tuple) or _arguments(annotation, list)
        return [_marked(item, items[0][0]) for item in value] if items else value
    return value


def _marked_object(value: dict[str, Any], model: type[msgspec.Struct]) -> dict[str, Any]:
    known = _fields_by_name(model)
    marked = {name: _marked(item, known[name]) for name, item in value.items() if name in known}
    unknown = {name: item for name, item in value.items() if name not in known}
    return marked | {KEY: UnknownFields(unknown)} if unknown else marked


@cache
def _fields_by_name(model: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the types of a model's fields by their names in JSON, that of its tag included."""
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(model) if field.encode_name != KEY}
    config = model.__struct_config__
    return fields | ({config.tag_field: str} if config.tag_field is not None else {})


def _alternatives(annotation: Any) -> list[Any]:
    """Return the types of which a value may be, without annotations."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _alternatives(get_args(annotation)[0])
    if origin in {Union, types.UnionType}:
        return [found for argument in get_args(annotation) for found in _alternatives(argument)]
    return [annotation]


def _model_for(value: Mapping[str, Any], annotation: Any) -> type[msgspec.Struct] | None:
    models = [
        found
        for found in _alternatives(annotation)
        if isinstance(found, type) and get_origin(found) is None and issubclass(found, msgspec.Struct)
    ]
    for model in models:
        config = model.__struct_config__
        if config.tag is None or value.get(config.tag_field or "") == config.tag:
            return model
    return None


def _arguments(annotation: Any, origin: type) -> list[tuple[Any, ...]]:
    """Return the type arguments of those of the alternatives that are containers of a kind."""
    return [get_args(found) for found in _alternatives(annotation) if get_origin(found) is origin]
