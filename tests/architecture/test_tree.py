"""Rules of the whole tree: who imports whom, how long a file may be, and what must not stand in it."""

import ast
import subprocess
import sys
import tomllib

import pytest

from deploy.tools import check
from deploy.tools.checkout import PROJECT
from tests.architecture.source_tree import text_of, tracked, tree_of

LONGEST = 420
"""Lines of a Python file; around 300 is the aim."""


def test_imports_point_one_way() -> None:
    script = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=PROJECT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.requirement("R7.3")
def test_data_and_tree_are_in_order() -> None:
    assert list(check.problems()) == []


def test_no_file_is_far_too_long() -> None:
    lengths = {name: len(text_of(name).splitlines()) for name in tracked("*.py")}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_nothing_is_called_utils() -> None:
    assert [name for name in tracked("*.py") if "util" in name.lower() or "helper" in name.lower()] == []


def test_business_time_is_never_taken_from_the_database_or_the_machine() -> None:
    """Only the clock, the plumbing's own bookkeeping mail headers and signatures may ask what time it is (DESIGN 5)."""
    allowed = {
        "services/shared/runtime/clock.py",
        "services/shared/kafka/dead_letters.py",
        "services/notifier/providers.py",
        "services/notifier/webhook_dispatcher.py",
        "services/intake/channel_settings.py",
    }
    found = set()
    for name in tracked("*.py"):
        if name.startswith("services/") and name not in allowed:
            for node in ast.walk(tree_of(name)):
                if (
                    isinstance(node, ast.Attribute)
                    and node.attr in {"now", "utcnow", "today"}
                    and ast.unparse(node.value) in {"datetime", "date"}
                ):
                    found.add(name)
    assert found == set()


def test_the_lock_has_hashes_and_no_addresses() -> None:
    lock = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    packages = [line for line in lock.splitlines() if "==" in line and not line.lstrip().startswith("#")]
    assert len(packages) > 40
    assert lock.count("--hash=sha256:") >= len(packages)
    assert "://" not in lock
    assert "--index-url" not in lock
    assert "--find-links" not in lock


def test_every_dependency_is_explained() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    requirements = [*project["dependencies"], *optional["local"], *optional["dev"]]
    page = (PROJECT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    names = {each.split(">")[0].split("[")[0].split(";")[0].split("=")[0].strip() for each in requirements}
    assert {name for name in names if f"`{name}`" not in page} == set()


def test_migrations_are_numbered_one_after_the_other() -> None:
    numbers = [int(name.rpartition("/")[2][:4]) for name in sorted(tracked("deploy/migrations/*.sql"))]
    assert numbers == list(range(1, len(numbers) + 1))
