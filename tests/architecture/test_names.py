"""Names that a stranger understands: no private vocabulary, one meaning for each public class, no shadowed loops."""

import ast
import re
from collections import defaultdict

import pytest

from tests.architecture.identifiers import LoopVariables, identifiers, public_classes, words
from tests.architecture.source_tree import text_of, tracked, tree_of

FORBIDDEN = frozenset({"told", "heard", "said", "whats"})
"""Words that say nothing about what a value is: name the classification, the configuration, the response instead."""
_SQL_ALIAS = re.compile(r"\bas\s+(\w+)", re.IGNORECASE)
_SQL_STATEMENT = re.compile(r"^--\s*name:\s*(\w+)", re.MULTILINE)
_SQL_COMMENT = re.compile(r"--.*")
LONGEST_TEST_NAME = 80


def forbidden_identifiers(source: str, tree: ast.AST) -> list[str]:
    # Most files do not hold the words at all, and need no look at each identifier.
    if not any(word in source.lower() for word in FORBIDDEN):
        return []
    return [f"{line}: {name}" for name, line in identifiers(tree) if words(name) & FORBIDDEN]


def sql_names(text: str) -> set[str]:
    """Return the aliases and the names of statements; a column keeps its name until a migration changes it."""
    return {*_SQL_STATEMENT.findall(text), *_SQL_ALIAS.findall(_SQL_COMMENT.sub("", text))}


def loop_variables(tree: ast.AST) -> LoopVariables:
    visitor = LoopVariables()
    visitor.visit(tree)
    return visitor


def test_no_identifier_is_a_word_of_a_private_vocabulary() -> None:
    found = {name: forbidden_identifiers(text_of(name), tree_of(name)) for name in tracked("*.py")}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_no_sql_alias_is_a_word_of_a_private_vocabulary() -> None:
    found = {name: sql_names(text_of(name)) & FORBIDDEN for name in tracked("*.sql")}
    assert {name: aliases for name, aliases in found.items() if aliases} == {}


def test_each_is_the_variable_of_exactly_one_loop() -> None:
    visitors = {name: loop_variables(tree_of(name)) for name in tracked("*.py")}
    assert {name: each.nested for name, each in visitors.items() if each.nested} == {}
    assert {name: each.stray for name, each in visitors.items() if each.stray} == {}


def test_a_public_class_name_stands_once_in_the_tree() -> None:
    files = defaultdict(list)
    for name in tracked("*.py"):
        for class_name in public_classes(tree_of(name)):
            files[class_name].append(name)
    assert {name: where for name, where in files.items() if len(where) > 1} == {}


def test_the_name_of_a_test_is_a_sentence_that_fits_on_a_line() -> None:
    long = [
        f"{name}: {node.name}"
        for name in tracked("tests/*.py")
        for node in ast.walk(tree_of(name))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and len(node.name) > LONGEST_TEST_NAME
    ]
    assert long == []


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("told = 1", ["1: told"]),
        ("def parse(self, told): ...", ["1: told"]),
        ("self.heard_at = 1", ["1: heard_at"]),
        ("class _Told: ...", ["1: _Told"]),
        ("parse(said=1)", ["1: said"]),
        ("import x as whats", ["1: whats"]),
        ("try: ...\nexcept E as told: ...", ["2: told"]),
        ("untold = saidan = 'told'", []),
    ],
)
def test_a_forbidden_identifier_is_found_wherever_it_is_bound(source: str, names: list[str]) -> None:
    assert forbidden_identifiers(source, ast.parse(source)) == names


@pytest.mark.parametrize(
    ("source", "nested", "stray"),
    [
        ("[each for each in x]\n[each for each in x]", 0, 0),
        ("for each in x:\n  [each for each in y]", 1, 0),
        ("[[each for each in y] for each in x]", 1, 0),
        ("for each in [each for each in x]: ...", 0, 0),
        ("[sorted(y, key=lambda each: each) for each in x]", 1, 0),
        ("for each in x: ...\nprint(each)", 0, 1),
        ("def f(each): ...", 0, 1),
        ("each = 1", 0, 1),
    ],
)
def test_a_shadowed_or_escaped_loop_variable_is_found(source: str, nested: int, stray: int) -> None:
    visitor = loop_variables(ast.parse(source))
    assert (len(visitor.nested), len(visitor.stray)) == (nested, stray)


def test_an_alias_in_sql_is_found_and_a_column_is_not() -> None:
    text = "-- name: seen\n-- Kept as said.\nselect 1 as told from x AS heard (told int) where not told"
    assert sql_names(text) == {"seen", "told", "heard"}
