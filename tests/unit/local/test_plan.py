"""Environments of services and arguments of the supervisor."""

from pathlib import Path

import pytest

from deploy.local.folder import DataFolder
from deploy.local.plan import Endpoints, service_environment


def test_only_tuning_settings_of_the_caller_reach_a_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUBAN_DATABASE_URL", "postgresql://elsewhere")
    monkeypatch.setenv("DUBAN_TUNE_BATCH_SIZE", "7")
    environment = service_environment("ledger", DataFolder(tmp_path), Endpoints("b:1", "127.0.0.1", 5432), "test")
    assert "elsewhere" not in environment["DUBAN_DATABASE_URL"]
    assert environment["DUBAN_BATCH_SIZE"] == "7"
