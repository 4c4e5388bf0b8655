"""The wheel holds every file of its packages and none that needs a checkout; `make test-wheel` runs what it holds."""

import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser

import pytest

from deploy.tools.checkout import PROJECT
from tests.architecture.source_tree import tracked

PACKAGES = ("deploy", "duban", "policies", "schemas", "services")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    return zipfile.ZipFile(file)


def files_in(wheel: zipfile.ZipFile) -> set[str]:
    return {name for name in wheel.namelist() if ".dist-info/" not in name}


def metadata_of(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def test_every_file_of_the_packages_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    expected = {name for name in tracked("*") if name.startswith(tuple(f"{package}/" for package in PACKAGES))}
    assert {name for name in expected if not name.startswith("deploy/tools/")} <= files_in(wheel)


def test_the_wheel_has_no_package_that_needs_a_checkout(wheel: zipfile.ZipFile) -> None:
    assert {name.partition("/")[0] for name in files_in(wheel)} == set(PACKAGES)
    assert [name for name in files_in(wheel) if name.startswith("deploy/tools/")] == []


def test_every_package_of_the_wheel_is_marked_as_typed(wheel: zipfile.ZipFile) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} <= files_in(wheel)


def test_the_wheel_says_who_made_it_and_what_it_needs(wheel: zipfile.ZipFile) -> None:
    metadata = metadata_of(wheel)
    assert (metadata["Name"], metadata["Author"]) == ("duban", "The Duban authors")
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "complaints" in metadata["Keywords"]
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    assert "local" in metadata.get_all("Provides-Extra", [])


def test_no_installed_module_imports_one_that_stays_in_the_checkout() -> None:
    imports = ("from demo", "from chaos", "from tests", "from deploy.tools", "import demo", "import chaos")
    found = [
        f"{name}: {line}"
        for name in tracked("*.py")
        if name.startswith(PACKAGES) and not name.startswith("deploy/tools/")
        for line in (PROJECT / name).read_text(encoding="utf-8").splitlines()
        if line.lstrip().startswith(imports)
    ]
    assert found == []


def test_no_installed_module_looks_for_the_checkout() -> None:
    found = [
        name
        for name in tracked("*.py")
        if name.startswith(PACKAGES) and not name.startswith("deploy/tools/")
        if "parents[" in (PROJECT / name).read_text(encoding="utf-8")
    ]
    assert found == []
