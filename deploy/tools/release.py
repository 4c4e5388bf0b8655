"""Cuts a release: `make release VERSION=0.2.0` moves Unreleased of CHANGELOG.md below the version and commits it.

`make release` runs lint, tests and the wheel's check before. Nothing is pushed.
"""

import argparse
import re
import subprocess
import sys
from datetime import date

from deploy.tools.checkout import PROJECT

CHANGELOG = PROJECT / "CHANGELOG.md"
METADATA = PROJECT / "pyproject.toml"
VERSION = re.compile(r"\d+\.\d+\.\d+")
UNRELEASED = re.compile(r"^## \[?Unreleased\]?\n(?P<entries>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
RELEASED = re.compile(r"^## \[?(?P<version>\d+\.\d+\.\d+)\]?", re.MULTILINE)
OWN_VERSION = re.compile(r'^version = "(?P<version>[^"]+)"$', re.MULTILINE)


class ReleaseError(ValueError):
    """The release cannot be cut; the message says why and what to do."""


def cut(changelog: str, version: str, day: date) -> str:
    """Return the changelog with everything that was unreleased under a version and its date.

    Args:
        changelog: in the form of Keep a Changelog.
        version: three numbers, higher than every version that was released.
        day: of the release.

    Raises:
        ReleaseError: the version is not one, or not higher; or nothing is unreleased.

    """
    if VERSION.fullmatch(version) is None:
        raise ReleaseError(f"{version!r} is not a version: write three numbers, such as 0.2.0")
    for match in RELEASED.finditer(changelog):
        if _numbers(match["version"]) >= _numbers(version):
            raise ReleaseError(f"{match['version']} was released already: choose a version above it")
    unreleased = UNRELEASED.search(changelog)
    if unreleased is None:
        raise ReleaseError("CHANGELOG.md has no section `## Unreleased`: write one")
    entries = unreleased["entries"].strip()
    if not entries:
        raise ReleaseError("nothing is unreleased: CHANGELOG.md gets a line with every change that a user notices")
    section = f"## Unreleased\n\n## {version} - {day.isoformat()}\n\n{entries}\n\n"
    return (changelog[: unreleased.start()] + section + changelog[unreleased.end() :]).rstrip("\n") + "\n"


def with_version(metadata: str, version: str) -> str:
    """Return pyproject.toml with another version.

    Raises:
        ReleaseError: it has no line with the version.

    """
    changed, count = OWN_VERSION.subn(f'version = "{version}"', metadata, count=1)
    if count == 0:
        raise ReleaseError('pyproject.toml has no line `version = "..."`: write one')
    return changed


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout  # noqa: S603 - ours


def release(version: str, *, check: bool) -> None:
    """Cut a release, commit it and tag it; or only check that this can be done.

    Raises:
        ReleaseError: it cannot; nothing was written.

    """
    if _git("status", "--porcelain"):
        raise ReleaseError("there are changes that are not committed: commit them, or put them aside")
    changelog = cut(CHANGELOG.read_text(encoding="utf-8"), version, date.today())  # noqa: DTZ011 - the maintainer's day
    metadata = with_version(METADATA.read_text(encoding="utf-8"), version)
    if check:
        return
    CHANGELOG.write_text(changelog, encoding="utf-8")
    METADATA.write_text(metadata, encoding="utf-8")
    # Generated files name the version.
    subprocess.run([sys.executable, "-m", "deploy.tools.generate"], cwd=PROJECT, check=True)
    _git("commit", "--all", "--message", f"Release {version}")
    _git("tag", "--annotate", f"v{version}", "--message", f"Duban {version}")
    print(f"committed and tagged as v{version}; `git push --follow-tags` publishes it")


def main() -> int:
    """Cut a release; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make release", description=__doc__)
    parser.add_argument("version", help="the new version, such as 0.2.0")
    parser.add_argument("--check", action="store_true", help="only say whether it can be cut")
    options = parser.parse_args()
    try:
        release(options.version, check=options.check)
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
