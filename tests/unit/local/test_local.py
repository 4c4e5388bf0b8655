"""What can go wrong on a machine gets a sentence that says what to do."""

import os
import shutil
import socket
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from deploy.local import kafka
from deploy.local.errors import LocalError
from deploy.local.folder import DataFolder, StackState
from deploy.local.plan import Endpoints, StackOptions, service_environment
from deploy.local.process import OwnedProcess, end, free_port, port_is_free, spawn
from deploy.local.stack import Stack
from deploy.local.supervisor import Supervisor

Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - stands for the library's own


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 5 * 2**20))
    with pytest.raises(LocalError, match=r"only 5 MB are free .* make room"):
        DataFolder(tmp_path / "data").make()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalError, match="choose another with --data"):
        DataFolder(tmp_path / "file" / "data").make()


def test_a_folder_in_use_names_its_owner_and_a_dead_owner_leaves_no_lock(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.make()
    with (
        folder.locked(),
        pytest.raises(LocalError, match=f"in use by process {os.getpid()}: `duban down`"),
        folder.locked(),
    ):
        pass
    with folder.locked():
        pass


def test_secrets_belong_to_the_folder_and_to_its_owner_only(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    assert folder.secret("ledger") == folder.secret("ledger") != folder.secret("router")
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0


def test_a_damaged_state_counts_as_none(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.make()
    assert folder.read() is None
    folder.write(StackState(supervisor=OwnedProcess(pid=1, started=0)))
    assert folder.read() is not None
    folder.state_file.write_text('{"superv')
    assert folder.read() is None


def test_nothing_runs_on_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="start it with `duban up`"):
        Stack.attach(tmp_path)


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        supervisor = Supervisor(StackOptions(data=tmp_path, http_port=port))
        with pytest.raises(LocalError, match=f"port {port} is taken by another program: choose another with --port"):
            supervisor._places(None)
        assert not port_is_free(port)
    assert port_is_free(free_port())


def test_a_broken_download_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    jgo = pytest.importorskip("jgo")

    def fails(_: str) -> None:
        raise ConnectionError("name resolution")

    monkeypatch.setattr(jgo, "resolve", fails)
    with pytest.raises(LocalError, match=r"could not be downloaded .* run the same command again"):
        kafka.jars(lambda _: None)


def test_a_process_is_known_by_more_than_its_pid(tmp_path: Path) -> None:
    process = spawn([sys.executable, "-c", "input()"], log=tmp_path / "log", environment=os.environ)
    known = OwnedProcess.of(process.pid)
    assert not OwnedProcess(pid=process.pid, started=known.started - 100).alive
    process.wait(20)
    assert not known.alive
    end(known, patience=1)


def test_a_stray_setting_of_the_caller_does_not_reach_a_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUBAN_DATABASE_URL", "postgresql://elsewhere")
    monkeypatch.setenv("DUBAN_TUNE_BATCH_SIZE", "7")
    told = service_environment("ledger", DataFolder(tmp_path), Endpoints("b:1", "127.0.0.1", 5432), "test")
    assert "elsewhere" not in told["DUBAN_DATABASE_URL"]
    assert told["DUBAN_BATCH_SIZE"] == "7"


def test_the_supervisor_s_options_survive_the_way_through_a_command_line(tmp_path: Path) -> None:
    told = StackOptions(
        data=tmp_path, scale=1000.0, origin="2026-03-12T06:00:00+08:00", services=("ledger",), tied=True
    )
    script = "import sys; from deploy.local.supervisor import _options; print(_options(sys.argv[1:]) )"
    done = subprocess.run([sys.executable, "-c", script, *told.arguments()], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == repr(told)
