"""Attaching to a system that does not run is an error that says what to do."""

from pathlib import Path

import pytest

from deploy.local.errors import LocalError
from deploy.local.stack import Stack


def test_attaching_to_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="start it with `duban up`"):
        Stack.attach(tmp_path)
