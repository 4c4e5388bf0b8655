"""A release moves what is unreleased below its version, and refuses what cannot be one."""

from datetime import date

import pytest

from deploy.tools.release import ReleaseError, cut, with_version

DAY = date(2026, 12, 1)
CHANGELOG = """# Changelog

What users notice.

## Unreleased

### Added

- A thing.

## 0.1.0 - 2026-11-29

- The beginning.
"""


def test_what_is_unreleased_moves_below_the_version_and_its_date() -> None:
    assert cut(CHANGELOG, "0.2.0", DAY) == (
        "# Changelog\n\nWhat users notice.\n\n"
        "## Unreleased\n\n"
        "## 0.2.0 - 2026-12-01\n\n### Added\n\n- A thing.\n\n"
        "## 0.1.0 - 2026-11-29\n\n- The beginning.\n"
    )


def test_the_first_release_needs_no_earlier_one() -> None:
    text = "# Changelog\n\n## [Unreleased]\n\n- A thing.\n"
    assert cut(text, "0.1.0", DAY) == "# Changelog\n\n## Unreleased\n\n## 0.1.0 - 2026-12-01\n\n- A thing.\n"


def test_a_release_can_be_followed_by_another() -> None:
    once = cut(CHANGELOG, "0.2.0", DAY)
    again = cut(once.replace("## Unreleased\n", "## Unreleased\n\n- Another.\n"), "0.10.0", DAY)
    assert again.index("0.10.0") < again.index("- Another.") < again.index("0.2.0") < again.index("0.1.0")


@pytest.mark.parametrize(
    ("changelog", "version", "message"),
    [
        (CHANGELOG, "0.2", "'0.2' is not a version: write three numbers"),
        (CHANGELOG, "v0.2.0", "is not a version"),
        (CHANGELOG, "0.1.0", "0.1.0 was released already: choose a version above it"),
        (CHANGELOG, "0.0.9", "0.1.0 was released already"),
        (CHANGELOG.replace("### Added\n\n- A thing.\n\n", ""), "0.2.0", "nothing is unreleased"),
        ("# Changelog\n\n## 0.1.0 - 2026-11-29\n", "0.2.0", "no section `## Unreleased`"),
    ],
)
def test_a_release_that_cannot_be_cut_says_what_to_do(changelog: str, version: str, message: str) -> None:
    with pytest.raises(ReleaseError, match=message):
        cut(changelog, version, DAY)


def test_only_the_projects_own_version_is_set() -> None:
    metadata = '[project]\nname = "duban"\nversion = "0.1.0"\n\n[tool.mypy]\npython_version = "3.11"\n'
    assert with_version(metadata, "0.2.0") == metadata.replace('"0.1.0"', '"0.2.0"')


def test_metadata_without_a_version_is_refused() -> None:
    with pytest.raises(ReleaseError, match="no line `version"):
        with_version('[project]\nname = "duban"\n', "0.2.0")
