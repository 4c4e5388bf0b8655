"""Every value of a pack with the place in the documents it is from, or why it is ours (R8.1)."""

from collections.abc import Iterator

from pydantic import BaseModel

from services.domain.policy.base import Cited, Span
from services.domain.policy.pack import Pack

SOURCE = frozenset({"from_", "ours", "title", "name", "code"})
"""Fields that say where a value is from or what it is called, not what it is."""


def values(pack: Pack) -> Iterator[tuple[str, str, str]]:
    """Return where each value of a pack stands, the value, and where it is from."""
    parts: list[tuple[str, BaseModel]] = [
        ("pack", pack.header),
        ("types", pack.types),
        ("limits", pack.limits),
        ("routing", pack.routing),
        ("outcome", pack.outcome),
    ]
    for name, part in parts:
        yield from _within(name, part)


def _within(path: str, model: BaseModel) -> Iterator[tuple[str, str, str]]:
    title = str(getattr(model, "name", "") or getattr(model, "code", ""))
    path = f"{path} / {title}" if title else path
    if isinstance(model, Cited):
        plain = {field: value for field, value in model if field not in SOURCE and not _models(value)}
        fields = type(model).model_fields
        # What is as it is without saying so is worth a line only where nothing else is said.
        told = {field: value for field, value in plain.items() if value != fields[field].default} or plain
        yield path, ", ".join(f"{field} {_written(value)}" for field, value in told.items()), model.source
    for field, value in model:
        for each in _models(value):
            yield from _within(f"{path} / {field}", each)


def _models(value: object) -> list[BaseModel]:
    """Return the parts of a value that have sources of their own."""
    found = value if isinstance(value, tuple) else (value,)
    return [each for each in found if isinstance(each, BaseModel) and not isinstance(each, Span) and _has_marks(each)]


def _has_marks(model: BaseModel) -> bool:
    return isinstance(model, Cited) or any(_models(value) for _, value in model)


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_written, value))
    if isinstance(value, BaseModel) and not isinstance(value, Span):
        told = {field: each for field, each in value if each not in (None, ())}
        return "{" + ", ".join(f"{field}: {_written(each)}" for field, each in told.items()) + "}"
    return str(value)
