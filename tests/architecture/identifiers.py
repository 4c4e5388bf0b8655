"""What the naming tests look for in a syntax tree: every identifier, and loops whose variables shadow each other."""

import ast
import re
from collections.abc import Iterator, Sequence

LOOP_VARIABLE = "each"
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def words(identifier: str) -> set[str]:
    """Return the words of an identifier in lower case: `_ToldTwice` and `told_twice` both hold told and twice."""
    return {word.lower() for word in _WORD.findall(identifier)}


def identifiers(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Return every name that a file binds, reads or passes, with its line; keys and texts are not names."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        for name in _names_in(node):
            yield name, line


def _names_in(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.alias(name=name, asname=asname):
            yield from name.split(".")
            if asname is not None:
                yield asname
        case ast.keyword(arg=str(name)) | ast.ExceptHandler(name=str(name)):
            yield name
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            yield name
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            yield from names
        case _:
            pass


def public_classes(tree: ast.Module | ast.stmt) -> Iterator[str]:
    """Return the names of the classes of a file that others can see; those inside a function are its own."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.stmt) or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name
        yield from public_classes(node)


class LoopVariables(ast.NodeVisitor):
    """Collects the lines on which `each` is not the variable of exactly one loop, comprehension or lambda.

    Attributes:
        nested: lines that bind it inside the scope of another one.
        stray: lines that bind it otherwise, or read it where no loop has it.

    """

    def __init__(self) -> None:
        self.nested: list[int] = []
        self.stray: list[int] = []
        self._depth = 0

    def visit(self, node: ast.AST) -> None:
        """Visit a node in the scope in which Python evaluates it."""
        match node:
            case ast.For(target, iterable, body, orelse) | ast.AsyncFor(target, iterable, body, orelse):
                self.visit(iterable)
                self._visit_scope(target, (*body, *orelse))
            case ast.ListComp(element, generators) | ast.SetComp(element, generators):
                self._visit_generators(generators, (element,))
            case ast.GeneratorExp(element, generators):
                self._visit_generators(generators, (element,))
            case ast.DictComp(key, value, generators):
                self._visit_generators(generators, (key, value))
            case ast.Lambda(arguments, body):
                # As in `key=lambda each: ...`: what is handed over one after the other.
                self._visit_scope(arguments, (body,))
            case ast.Name(id=name, ctx=context):
                if name == LOOP_VARIABLE and (self._depth == 0 or isinstance(context, ast.Store)):
                    self.stray.append(node.lineno)
            case ast.arg(arg=name):
                if name == LOOP_VARIABLE:
                    self.stray.append(node.lineno)
            case _:
                self.generic_visit(node)

    def _visit_generators(self, generators: Sequence[ast.comprehension], elements: Sequence[ast.AST]) -> None:
        if not generators:
            for element in elements:
                self.visit(element)
            return
        first, *rest = generators
        self.visit(first.iter)
        lines = self._enter(first.target)
        for condition in first.ifs:
            self.visit(condition)
        self._visit_generators(rest, elements)
        self._depth -= bool(lines)

    def _visit_scope(self, target: ast.AST, body: Sequence[ast.AST]) -> None:
        lines = self._enter(target)
        for statement in body:
            self.visit(statement)
        self._depth -= bool(lines)

    def _enter(self, target: ast.AST) -> list[int]:
        """Return the lines on which a target binds the variable, and begin its scope if it does."""
        lines = [
            node.lineno
            for node in ast.walk(target)
            if (isinstance(node, ast.Name) and node.id == LOOP_VARIABLE)
            or (isinstance(node, ast.arg) and node.arg == LOOP_VARIABLE)
        ]
        if self._depth:
            self.nested += lines
        self._depth += bool(lines)
        return lines
