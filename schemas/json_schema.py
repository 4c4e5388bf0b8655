"""Exports the contract as JSON Schema: types from the models, descriptions from the texts below their fields."""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

import msgspec

from schemas.base import Model
from schemas.unknown_fields import KEY

PUBLISHED_NAMES = {"NonTicket": "Kept", "SlaTimer": "Clock"}
"""Classes whose name in the published schemas differs: subscribers generate code from those names."""


def components(models: Iterable[Any], *, template: str) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return the schemas of models or unions of models, and the definitions that they refer to.

    Args:
        models: models or unions.
        template: pattern of a reference, with {name} in it.

    """
    roots = tuple(models)
    by_model, by_class = msgspec.json.schema_components(roots, ref_template=template)
    renamed = {
        template.format(name=name): template.format(name=published) for name, published in PUBLISHED_NAMES.items()
    }
    schemas = [_with_published_names(schema, renamed) for schema in by_model]
    definitions = {
        PUBLISHED_NAMES.get(name, name): _with_published_names(definition, renamed)
        for name, definition in by_class.items()
    }
    for model in _referenced_models(roots):
        definition = definitions.get(published_name(model), {})
        for name, text in _field_texts(model):
            field = definition.get("properties", {}).get(name)
            if field is not None:
                field["description"] = text
    return schemas, definitions


def published_name(model: type[Model]) -> str:
    """Return the name of a model in the published schemas."""
    return PUBLISHED_NAMES.get(model.__name__, model.__name__)


def _with_published_names(value: Any, references: Mapping[str, str]) -> Any:
    """Return a part of a schema with its title and its references under the published names."""
    if isinstance(value, list):
        return [_with_published_names(item, references) for item in value]
    if not isinstance(value, dict):
        return value
    schema = {key: _with_published_names(item, references) for key, item in value.items() if key != KEY}
    if isinstance(schema.get("title"), str):
        schema["title"] = PUBLISHED_NAMES.get(schema["title"], schema["title"])
    if isinstance(schema.get("$ref"), str):
        schema["$ref"] = references.get(schema["$ref"], schema["$ref"])
    return schema


def schema_of(model: type[Model]) -> dict[str, Any]:
    """Return the self-contained JSON Schema of a model."""
    (_,), definitions = components([model], template="#/$defs/{name}")
    own = definitions.pop(published_name(model))
    return {**own, "$defs": definitions} if definitions else own


def _referenced_models(annotations: Iterable[Any], seen: set[type[Model]] | None = None) -> set[type[Model]]:
    """Return every model that some types refer to, directly or through the fields of other models."""
    seen = set() if seen is None else seen
    for annotation in annotations:
        if isinstance(annotation, type) and issubclass(annotation, Model):
            if annotation not in seen:
                seen.add(annotation)
                _referenced_models((field.type for field in msgspec.structs.fields(annotation)), seen)
        else:
            _referenced_models(get_args(annotation), seen)
    return seen


def _field_texts(model: type[Model]) -> Iterator[tuple[str, str]]:
    """Return the fields of a model that have a text below them, those of its base classes first."""
    for base in model.__bases__:
        if issubclass(base, Model) and base is not Model:
            yield from _field_texts(base)
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(tree, ast.ClassDef)
    for field, following in zip(tree.body, tree.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
        ):
            yield field.target.id, inspect.cleandoc(str(following.value.value))
