"""Package data is found without a checkout; DUBAN_POLICIES names other policies."""

from pathlib import Path

import pytest

from services.shared.kafka import topics
from services.shared.postgres import migrations
from services.shared.runtime import package_data
from services.shared.runtime.settings import Settings


def test_policies_migrations_and_topics_lie_in_their_packages() -> None:
    assert (package_data.policies() / "carrier" / "pack.toml").is_file()
    assert sorted(migrations.FOLDER.glob("0001_*.sql"))
    assert "tickets.events" in topics.load()


def test_duban_policies_names_another_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DUBAN_POLICIES", str(tmp_path))
    assert package_data.policies() == Settings().policies == tmp_path


def test_an_empty_duban_policies_means_the_packs_that_come_with_duban(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUBAN_POLICIES", "")
    assert package_data.policies().name == "policies"
