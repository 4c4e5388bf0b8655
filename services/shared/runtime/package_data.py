"""Finds the files that are installed with the code: policies, migrations, the list of topics.

It imports little, because `duban explain` needs it and has to answer at once.
"""

import os
from importlib import resources
from pathlib import Path


def folder(package: str) -> Path:
    """Return the folder of an installed package."""
    found = resources.files(package)
    # pip unpacks what it installs; running from a zip file is not supported.
    assert isinstance(found, Path)
    return found


def policies() -> Path:
    """Return the folder of the policy packs: DUBAN_POLICIES, or the packs that come with Duban."""
    return Path(os.environ.get("DUBAN_POLICIES") or folder("policies"))
