"""The names in policy files that must exist somewhere, found by the types of the fields that hold them. Pure.

A field says what it refers to (`Refers`) or that it names something new (`Defines`), so that a new table of rules is
checked without anybody adding it to a list (`duban policy check`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Refers:
    """Marks a text in a policy file as the name of something that has to exist: a unit, a calendar, a fact.

    Attributes:
        to: what it names, a key of `vocabulary.known_names`.

    """

    to: str


@dataclass(frozen=True, slots=True)
class Defines:
    """Marks a text in a policy file as the name of something new, which other rules may refer to.

    Attributes:
        unique: whether two of the same list may not have the same name.

    """

    unique: bool = True


@dataclass(frozen=True, slots=True)
class Knows:
    """Marks a condition with the facts that are known when it is evaluated.

    Attributes:
        facts: names of conditions of a `When` that can hold then; any other is refused.

    """

    facts: frozenset[str]


class State:
    """Base of models that describe the state in which a rule applies: what they name may be absent for now.

    An unknown name there only means that the rule never applies, so a version that is in force stays readable.
    """


@dataclass(frozen=True, slots=True)
class Reference:
    """A name in a policy file that refers to something.

    Attributes:
        place: where it stands: the rule and the key, such as `clock promise, while.holder`.
        name: as written.
        to: what it names.
        in_condition: whether it only says when a rule applies.

    """

    place: str
    name: str
    to: str
    in_condition: bool


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A part of a policy file.

    Attributes:
        place: where it stands.
        model: the part itself.
        knows: the facts that are known to it, if its field says so.

    """

    place: str
    model: BaseModel
    knows: frozenset[str] | None


LABELS = ("name", "code", "kind", "letter", "level", "actions", "path")
"""Fields by which people find a rule in its table; the first that a model has."""


def references(part: BaseModel, place: str = "") -> Iterator[Reference]:
    """Yield every name in a part of a policy file that refers to something, with its place."""
    for path, value, markers, in_condition in _texts(part, place):
        for marker in markers:
            if isinstance(marker, Refers):
                yield Reference(path, value, marker.to, in_condition)


def doubled(part: BaseModel, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield the names that one list of a policy file gives twice: where the list stands, and the name."""
    for found in models(part, place):
        for name, key in _lists(type(found.model)):
            value = getattr(found.model, name)
            given = [code for item in value for code in _defined_by(item)] if isinstance(value, tuple) else []
            for code in sorted({code for code in given if given.count(code) > 1}):
                yield _join(found.place, key), code


def _defined_by(item: object) -> tuple[str, ...]:
    """Return the codes that an item of a list defines in it."""
    if isinstance(item, BaseModel):
        values = (getattr(item, name) for name in _defining_fields(type(item)))
        return tuple(value for value in values if isinstance(value, str))
    return (item,) if isinstance(item, str) else ()


@cache
def _lists(model: type[BaseModel]) -> tuple[tuple[str, str], ...]:
    """Return the fields of a model that hold lists of definitions, with their keys in the file."""
    return tuple(
        (name, field.alias or name)
        for name, field in model.model_fields.items()
        if _is_defining(field) or any(_defining_fields(each) for each in _models_in(field.annotation))
    )


@cache
def _defining_fields(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(name for name, field in model.model_fields.items() if _is_defining(field))


def _is_defining(field: FieldInfo) -> bool:
    return any(isinstance(mark, Defines) and mark.unique for mark in markers_in(field))


def models(part: BaseModel, place: str = "") -> Iterator[FoundModel]:
    """Yield a part of a policy file and every part in it, each with its place and the facts that are known there."""
    yield from _models_below(FoundModel(place, part, None))


def _models_below(found: FoundModel) -> Iterator[FoundModel]:
    yield found
    for name, key, knows in _model_fields(type(found.model)):
        for path, value in _parts(getattr(found.model, name), _join(found.place, key)):
            yield from _models_below(FoundModel(path, value, knows))


@cache
def _model_fields(model: type[BaseModel]) -> tuple[tuple[str, str, frozenset[str] | None], ...]:
    """Return the fields of a model that hold other models: name, key in the file, and the facts known there."""
    return tuple(
        (name, field.alias or name, next((mark.facts for mark in field.metadata if isinstance(mark, Knows)), None))
        for name, field in model.model_fields.items()
        if any(True for _ in _models_in(field.annotation))
    )


def _models_in(type_: Any) -> Iterator[type[BaseModel]]:
    """Yield the models in a type."""
    if isinstance(type_, type) and issubclass(type_, BaseModel):
        yield type_
    for inner in get_args(type_):
        yield from _models_in(inner)


def _parts(value: object, path: str) -> Iterator[tuple[str, BaseModel]]:
    """Yield the models in the value of a field, with the label by which each is found."""
    if isinstance(value, BaseModel):
        yield path, value
    elif isinstance(value, tuple):
        for number, item in enumerate(value, start=1):
            if isinstance(item, BaseModel):
                yield f"{path} {_label(item) or number}", item
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _parts(item, f"{path} {key}")


def _texts(part: BaseModel, place: str) -> Iterator[tuple[str, str, tuple[object, ...], bool]]:
    """Yield the marked texts below a part: place, text, markers, and whether it stands in a condition."""
    for found in models(part, place):
        in_condition = isinstance(found.model, State)
        for name, key, type_, metadata in _marked_fields(type(found.model)):
            value = getattr(found.model, name)
            for text, markers in _marked(value, type_, metadata):
                yield _key_of(found, key, in_condition=in_condition), text, markers, in_condition


def _key_of(found: FoundModel, key: str, *, in_condition: bool) -> str:
    return f"{found.place}.{key}" if in_condition and found.place else _join(found.place, key)


def _join(place: str, key: str) -> str:
    return f"{place}, {key}" if place else key


def _label(model: BaseModel) -> str:
    for name in LABELS:
        value = getattr(model, name, None)
        if value:
            return " ".join(value) if isinstance(value, tuple) else str(value)
    return ""


@cache
def _marked_fields(model: type[BaseModel]) -> tuple[tuple[str, str, Any, tuple[object, ...]], ...]:
    """Return the fields of a model that hold marked texts: name, key in the file, type and metadata."""
    return tuple(
        (name, field.alias or name, field.annotation, tuple(field.metadata))
        for name, field in model.model_fields.items()
        if _has_marker(field)
    )


def _has_marker(field: FieldInfo) -> bool:
    return any(isinstance(mark, Refers | Defines) for mark in markers_in(field))


def markers_in(field: FieldInfo) -> Iterator[object]:
    """Yield everything by which a field, or the types in it, are annotated."""
    yield from field.metadata
    yield from _annotations(field.annotation)


def _annotations(type_: Any) -> Iterator[object]:
    if get_origin(type_) is Annotated:
        yield from type_.__metadata__
    for inner in get_args(type_):
        yield from _annotations(inner)


def _marked(value: object, type_: Any, metadata: tuple[object, ...]) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Yield the texts in a value, each with the markers of its type."""
    while get_origin(type_) is Annotated:
        type_, metadata = get_args(type_)[0], (*metadata, *type_.__metadata__)
    if isinstance(value, str):
        inner = next((each for each in get_args(type_) if get_origin(each) is Annotated), None)
        yield value, metadata if inner is None else (*metadata, *inner.__metadata__)
    elif isinstance(value, tuple):
        for item in value:
            yield from _marked(item, next(iter(get_args(type_)), None), metadata)
    elif isinstance(value, Mapping):
        for key in value:
            yield from _marked(key, next(iter(get_args(type_)), None), metadata)
