"""Environments of services and arguments of the supervisor."""

from pathlib import Path

import pytest

from deploy.local.errors import LocalError
from deploy.local.folder import DataFolder
from deploy.local.plan import Endpoints, StackOptions, parse_replicas, service_environment


def test_only_tuning_settings_of_the_caller_reach_a_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUBAN_DATABASE_URL", "postgresql://elsewhere")
    monkeypatch.setenv("DUBAN_TUNE_BATCH_SIZE", "7")
    environment = service_environment("ledger", DataFolder(tmp_path), Endpoints("b:1", "127.0.0.1", 5432), "test")
    assert "elsewhere" not in environment["DUBAN_DATABASE_URL"]
    assert environment["DUBAN_BATCH_SIZE"] == "7"


def test_further_processes_of_a_service_have_names_and_ports_of_their_own(tmp_path: Path) -> None:
    options = StackOptions(data=tmp_path, services=("intake", "ledger"), replicas=parse_replicas("ledger=3, intake=2"))
    assert options.processes == ("intake", "intake-2", "ledger", "ledger-2", "ledger-3")
    ports = {"intake": 8080, "intake-2": 8081, "mail": 25, "mail-2": 26}
    endpoints = Endpoints("b:1", "127.0.0.1", 5432, ports, {"intake-2": 9})
    environment = service_environment("intake-2", DataFolder(tmp_path), endpoints, "test")
    assert environment["DUBAN_INSTANCE"] == "intake-2"
    assert environment["DUBAN_HTTP_PORT"] == "8081"
    assert environment["DUBAN_MAIL_PORT"] == "26"
    assert environment["DUBAN_OPERATIONS_PORT"] == "9"
    assert "//duban_intake:" in environment["DUBAN_DATABASE_URL"]


@pytest.mark.parametrize("text", ["ledgers=2", "ledger", "ledger=0", "ledger=x", "ledger=100"])
def test_wrong_numbers_of_processes_are_refused(text: str) -> None:
    with pytest.raises(LocalError, match="--replicas: "):
        parse_replicas(text)
