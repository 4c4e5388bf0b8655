"""No function is too complex to read, as radon counts; the list of exceptions in pyproject.toml may only shrink."""

import tomllib
from collections.abc import Iterator

import pytest
from radon.complexity import cc_visit

from deploy.tools.checkout import PROJECT
from tests.architecture.source_tree import text_of, tracked

MOST = 15
EXEMPT = (
    "services/notifier/",
    "services/ledger/handlers.py",
    "services/ledger/domain/",
)
"""Where an exception may stand: what issues of their own cut anew."""


def exceptions() -> list[str]:
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    listed: list[str] = settings["tool"]["duban"]["complexity"]["exceptions"]
    return listed


def complexities(name: str) -> Iterator[tuple[str, int]]:
    """Return the functions and methods of a file, as `path:qualname`, with their complexity."""
    for block in cc_visit(text_of(name)):
        if block.letter in {"F", "M"}:
            qualname = f"{block.classname}.{block.name}" if block.letter == "M" else block.name
            yield f"{name}:{qualname}", block.complexity


@pytest.fixture(scope="module")
def complex_functions() -> dict[str, int]:
    return {
        where: complexity for name in tracked("*.py") for where, complexity in complexities(name) if complexity > MOST
    }


def test_no_function_is_too_complex(complex_functions: dict[str, int]) -> None:
    listed = exceptions()
    found = {where: complexity for where, complexity in complex_functions.items() if where not in listed}
    assert found == {}


def test_an_exception_that_is_no_longer_needed_leaves_the_list(complex_functions: dict[str, int]) -> None:
    assert [where for where in exceptions() if where not in complex_functions] == []


def test_exceptions_stand_only_where_an_issue_of_its_own_cuts_anew() -> None:
    assert [where for where in exceptions() if not where.startswith(EXEMPT)] == []
