"""The contract as JSON Schema: the shape from the models, what each field means from the text below it."""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any, get_args

import msgspec

from schemas.base import Model


def components(models: Iterable[Any], *, template: str) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return the schemas of some models or unions of them, and the definitions that these refer to.

    Args:
        models: what to describe.
        template: of a reference, with {name} in it.

    """
    told = tuple(models)
    schemas, definitions = msgspec.json.schema_components(told, ref_template=template)
    for model in _reached(told):
        definition = definitions.get(model.__name__, {})
        for name, text in _texts(model):
            field = definition.get("properties", {}).get(name)
            if field is not None:
                field["description"] = text
    return list(schemas), dict(definitions)


def schema(model: type[Model]) -> dict[str, Any]:
    """Return the JSON Schema of a model, complete in itself."""
    (_,), definitions = components([model], template="#/$defs/{name}")
    own = definitions.pop(model.__name__)
    return {**own, "$defs": definitions} if definitions else own


def _reached(annotations: Iterable[Any], seen: set[type[Model]] | None = None) -> set[type[Model]]:
    """Return every model that these types lead to."""
    seen = set() if seen is None else seen
    for each in annotations:
        if isinstance(each, type) and issubclass(each, Model):
            if each not in seen:
                seen.add(each)
                _reached((field.type for field in msgspec.structs.fields(each)), seen)
        else:
            _reached(get_args(each), seen)
    return seen


def _texts(model: type[Model]) -> Iterator[tuple[str, str]]:
    """Return each field of a model that has a text below it, those of the models it extends first."""
    for each in model.__bases__:
        if issubclass(each, Model) and each is not Model:
            yield from _texts(each)
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(tree, ast.ClassDef)
    for field, below in zip(tree.body, tree.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ):
            yield field.target.id, inspect.cleandoc(str(below.value.value))
