"""Lists every value of a policy pack with its source in the customer's documents, or why it is ours (R8.1)."""

from collections.abc import Iterator

from pydantic import BaseModel

from services.domain.policy.base import Cited, Span
from services.domain.policy.pack import Pack

SOURCE_FIELDS = frozenset({"from_", "ours", "title", "name", "code"})
"""Fields that hold the source or the name of a rule, not a value of it."""


def cited_values(pack: Pack) -> Iterator[tuple[str, str, str]]:
    """Return the path of each rule in a pack, its values as text, and their source."""
    parts: list[tuple[str, BaseModel]] = [
        ("pack", pack.header),
        ("types", pack.types),
        ("limits", pack.limits),
        ("routing", pack.routing),
        ("outcome", pack.outcome),
        ("authority", pack.authority),
        *(("units / persons", person) for person in pack.persons.values()),
    ]
    for name, part in parts:
        yield from _cited_below(name, part)


def _cited_below(path: str, model: BaseModel) -> Iterator[tuple[str, str, str]]:
    title = str(getattr(model, "name", "") or getattr(model, "code", ""))
    path = f"{path} / {title}" if title else path
    if isinstance(model, Cited):
        plain = {field: value for field, value in _fields(model) if field not in SOURCE_FIELDS and not _models(value)}
        fields = type(model).model_fields
        # Defaults are listed only for a rule that has nothing else.
        shown = {field: value for field, value in plain.items() if value != fields[field].default} or plain
        yield path, ", ".join(f"{field} {_text(value)}" for field, value in shown.items()), model.source
    for field, value in _fields(model):
        for part in _models(value):
            yield from _cited_below(f"{path} / {field}", part)


def _fields(model: BaseModel) -> Iterator[tuple[str, object]]:
    """Return the fields of a model as its file has them, without what was computed from them."""
    return ((name, getattr(model, name)) for name in type(model).model_fields)


def _models(value: object) -> list[BaseModel]:
    """Return the parts of a value that have sources of their own."""
    parts = value if isinstance(value, tuple) else (value,)
    return [part for part in parts if isinstance(part, BaseModel) and not isinstance(part, Span) and _is_cited(part)]


def _is_cited(model: BaseModel) -> bool:
    return isinstance(model, Cited) or any(_models(value) for _, value in _fields(model))


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_text, value))
    if isinstance(value, BaseModel) and not isinstance(value, Span):
        fields = {name: content for name, content in _fields(value) if content not in (None, ())}
        return "{" + ", ".join(f"{name}: {_text(content)}" for name, content in fields.items()) + "}"
    return str(value)
