"""The contract as JSON Schema: the shape from the models, what each field means from the text below it."""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

import msgspec

from schemas.base import Model

PUBLISHED_NAMES = {"NonTicket": "Kept", "SlaTimer": "Clock"}
"""Classes whose name in the published schemas differs: subscribers generate code from those names."""


def components(models: Iterable[Any], *, template: str) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return the schemas of some models or unions of them, and the definitions that these refer to.

    Args:
        models: what to describe.
        template: of a reference, with {name} in it.

    """
    described = tuple(models)
    by_model, by_class = msgspec.json.schema_components(described, ref_template=template)
    renamed = {
        template.format(name=name): template.format(name=published) for name, published in PUBLISHED_NAMES.items()
    }
    schemas = [_with_published_names(schema, renamed) for schema in by_model]
    definitions = {
        PUBLISHED_NAMES.get(name, name): _with_published_names(definition, renamed)
        for name, definition in by_class.items()
    }
    for model in _reached(described):
        definition = definitions.get(published_name(model), {})
        for name, text in _texts(model):
            field = definition.get("properties", {}).get(name)
            if field is not None:
                field["description"] = text
    return schemas, definitions


def published_name(model: type[Model]) -> str:
    """Return the name that a model has in every published schema."""
    return PUBLISHED_NAMES.get(model.__name__, model.__name__)


def _with_published_names(value: Any, references: Mapping[str, str]) -> Any:
    """Return a part of a schema with its title and its references under the published names."""
    if isinstance(value, list):
        return [_with_published_names(item, references) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: _with_published_names(item, references) for key, item in value.items()}
    if isinstance(found.get("title"), str):
        found["title"] = PUBLISHED_NAMES.get(found["title"], found["title"])
    if isinstance(found.get("$ref"), str):
        found["$ref"] = references.get(found["$ref"], found["$ref"])
    return found


def schema(model: type[Model]) -> dict[str, Any]:
    """Return the JSON Schema of a model, complete in itself."""
    (_,), definitions = components([model], template="#/$defs/{name}")
    own = definitions.pop(published_name(model))
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
