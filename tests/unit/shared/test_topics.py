"""The list of topics."""

from pathlib import Path
from typing import Any

import pytest

from services.shared.kafka import topics
from services.shared.kafka.topics import Topic
from services.shared.runtime.errors import ConfigurationError
from services.shared.runtime.settings import KafkaSettings


def test_an_unknown_key_in_the_list_of_topics_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "topics.toml").write_text('[x]\ntitle = "x"\nkeyy = "x"\n')
    with pytest.raises(ValueError, match="keyy"):
        topics.load(tmp_path / "topics.toml")


class Admin:
    """A broker that has one topic.

    Attributes:
        created: configuration of each topic that was created.

    """

    def __init__(self, replicas: int, insync: int) -> None:
        self._replicas = replicas
        self._insync = insync
        self.created: list[dict[str, str]] = []

    def list_topics(self) -> list[str]:
        return ["contacts"]

    def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        partitions = [{"replica_nodes": list(range(self._replicas))}] * 12
        return [{"name": name, "partitions": partitions} for name in names]

    def describe_configs(self, resources: list[Any], config_filter: str) -> dict[str, Any]:
        assert config_filter == "all"
        return {"topic": {each.name: {topics.MIN_INSYNC: {"value": str(self._insync)}} for each in resources}}

    def create_topics(self, new: list[Any]) -> None:
        self.created += [each.topic_configs for each in new]

    def close(self) -> None:
        """Leave nothing behind."""


def create(patch: pytest.MonkeyPatch, admin: Admin, *, factor: int = 3, production: bool = True) -> None:
    patch.setattr(topics, "KafkaAdminClient", lambda **_: admin)
    listed: dict[str, Topic] = {name: topics.load()[name] for name in ("contacts", "tickets.events")}
    topics.create(KafkaSettings(replication_factor=factor), listed, production=production)


@pytest.mark.parametrize(
    ("admin", "factor", "names"),
    [
        (Admin(3, 2), 1, "DUBAN_KAFKA_REPLICATION_FACTOR=3"),
        (Admin(1, 2), 3, "kafka-reassign-partitions"),
        (Admin(3, 1), 3, "min.insync.replicas=2"),
    ],
)
def test_production_refuses_topics_that_one_broker_can_lose(
    monkeypatch: pytest.MonkeyPatch, admin: Admin, factor: int, names: str
) -> None:
    with pytest.raises(ConfigurationError, match=names):
        create(monkeypatch, admin, factor=factor)
    assert admin.created == []
    if factor > 1:
        create(monkeypatch, admin, factor=factor, production=False)


@pytest.mark.parametrize(("factor", "required"), [(1, "1"), (2, "1"), (3, "2"), (5, "3")])
def test_a_topic_is_created_so_that_most_copies_hold_what_is_acknowledged(
    monkeypatch: pytest.MonkeyPatch, factor: int, required: str
) -> None:
    admin = Admin(3, 2)
    create(monkeypatch, admin, factor=factor, production=False)
    assert [each[topics.MIN_INSYNC] for each in admin.created] == [required]
