"""A unit test stands where the module it tests does, under the module's name."""

from pathlib import PurePosixPath

import pytest

from tests.architecture.source_tree import tracked

PACKAGES = {
    "chaos": "chaos",
    "demo": "demo",
    "duban": "duban",
    "faults": "tests/faults",
    "fuzz": "tests/fuzz",
    "load": "tests/load",
    "local": "deploy/local",
    "mutation": "tests/mutation",
    "receivers": "deploy/receivers",
    "sim": "tests/sim",
    "tools": "deploy/tools",
}
"""Folders of tests/unit that are no service's."""
EXCEPTIONS: dict[str, str] = {
    "tests/unit/domain/sla/test_calendar_properties.py": "tests calendar.py by properties, beside examples",
    "tests/unit/intake/test_samples.py": "checks the samples of every channel against their manifest",
}
"""Test files that mirror no single module, each with the reason."""


def package_of(test_file: str) -> str:
    """Return the folder that holds the module of a unit test, itself or below it."""
    _, _, first, *further, _ = PurePosixPath(test_file).parts
    return "/".join((PACKAGES.get(first, f"services/{first}"), *further))


def mirrors(test_file: str, modules: set[str]) -> bool:
    package = package_of(test_file)
    name = PurePosixPath(test_file).stem.removeprefix("test_")
    return any(module.startswith(f"{package}/") and PurePosixPath(module).stem == name for module in modules)


def test_every_unit_test_is_named_as_the_module_it_tests() -> None:
    modules = {name for name in tracked("*.py") if not PurePosixPath(name).name.startswith("test_")}
    strangers = [
        name for name in tracked("tests/unit/**/test_*.py") if name not in EXCEPTIONS and not mirrors(name, modules)
    ]
    assert strangers == []


def test_every_exception_is_needed() -> None:
    assert [name for name in EXCEPTIONS if name not in tracked("tests/unit/**/test_*.py")] == []
    assert all(EXCEPTIONS.values())


@pytest.mark.parametrize(
    ("test_file", "mirrored"),
    [
        ("tests/unit/router/test_route.py", True),
        ("tests/unit/local/test_supervisor.py", True),
        ("tests/unit/domain/policy/test_loading.py", True),
        ("tests/unit/domain/kpi/test_loading.py", False),
        ("tests/unit/router/test_repeats.py", False),
    ],
)
def test_a_file_that_mirrors_nothing_is_found(test_file: str, *, mirrored: bool) -> None:
    modules = {
        "services/router/domain/route.py",
        "deploy/local/supervisor.py",
        "services/domain/policy/loading.py",
    }
    assert mirrors(test_file, modules) == mirrored
