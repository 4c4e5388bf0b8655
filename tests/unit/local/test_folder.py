"""The data folder: clear errors where it cannot be used, one owner at a time, private secrets."""

import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from deploy.local.errors import LocalError
from deploy.local.folder import DataFolder, StackState
from deploy.local.process import OwnedProcess

Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - stands for the library's own


def test_a_nearly_full_disk_is_an_error_that_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 5 * 2**20))
    with pytest.raises(LocalError, match=r"only 5 MB are free .* free some space"):
        DataFolder(tmp_path / "data").create()


def test_a_folder_that_cannot_be_written_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalError, match="choose another with --data"):
        DataFolder(tmp_path / "file" / "data").create()


def test_a_locked_folder_names_its_owner_and_a_released_lock_can_be_taken(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.create()
    with (
        folder.locked(),
        pytest.raises(LocalError, match=f"in use by process {os.getpid()}: stop it with `duban down`"),
        folder.locked(),
    ):
        pass
    with folder.locked():
        pass


def test_secrets_are_stable_and_readable_by_the_owner_only(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    assert folder.secret("ledger") == folder.secret("ledger") != folder.secret("router")
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0


def test_a_damaged_state_file_reads_as_no_state(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.create()
    assert folder.read_state() is None
    folder.write_state(StackState(supervisor=OwnedProcess(pid=1, started=0)))
    assert folder.read_state() is not None
    folder.state_file.write_text('{"superv')
    assert folder.read_state() is None
