"""Reads the text that stands below a field or a constant: Python keeps no docstring for either at run time."""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator
from itertools import pairwise
from types import ModuleType


def of_fields(class_: type) -> dict[str, str]:
    """Return the text below each field of a class; a field without one is left out.

    Fields that a base class declares are not part of it.
    """
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(class_))).body
    assert isinstance(tree, ast.ClassDef)
    return dict(_texts(tree.body))


def of_constants(module: ModuleType) -> dict[str, str]:
    """Return the text below each constant of a module; a constant without one is left out."""
    return dict(_texts(ast.parse(inspect.getsource(module)).body))


def _texts(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for statement, below in pairwise(body):
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
            for target in _targets(statement):
                yield target.id, inspect.cleandoc(below.value.value)


def _targets(statement: ast.stmt) -> Iterable[ast.Name]:
    targets: list[ast.expr] = []
    if isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    elif isinstance(statement, ast.Assign):
        targets = statement.targets
    return [target for target in targets if isinstance(target, ast.Name)]
