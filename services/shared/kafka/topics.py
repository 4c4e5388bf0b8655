"""Creates the topics listed in `schemas/topics.toml`; an existing topic is checked, never changed silently."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.errors import KafkaConfigurationError, KafkaError, TopicAlreadyExistsError
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from services.shared.kafka.connection import client_options
from services.shared.runtime import package_data
from services.shared.runtime.errors import ConfigurationError, Retryable
from services.shared.runtime.settings import KafkaSettings

LIST = package_data.folder("schemas") / "topics.toml"
HOUR = 3_600_000
SAFE_REPLICATION = 3
"""Copies with which the loss of one broker neither loses an acknowledged record nor stops writing."""
MIN_INSYNC = "min.insync.replicas"


class Topic(BaseModel):
    """One topic of `schemas/topics.toml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    model: str | None = None
    """Class of the value as `module:Class`; None for a foreign topic."""
    foreign: bool = False
    """Whether the values are in the format of a channel instead of one of our models."""
    key: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    cleanup: Literal["delete", "compact"]
    retention_hours: Annotated[int, Field(ge=0)]
    max_record_kib: Annotated[int, Field(gt=0)]

    def configuration(self, replication_factor: int) -> dict[str, str]:
        """Return the topic's configuration for the broker."""
        return {
            MIN_INSYNC: str(min_insync_replicas(replication_factor)),
            "cleanup.policy": self.cleanup,
            "retention.ms": str(self.retention_hours * HOUR if self.retention_hours else -1),
            "max.message.bytes": str(self.max_record_kib * 1024 + 64 * 1024),
        }


def min_insync_replicas(replication_factor: int) -> int:
    """Return how many copies have to hold a record before it is acknowledged: most of them, or the only one."""
    return replication_factor // 2 + 1 if replication_factor >= SAFE_REPLICATION else 1


def load(path: Path = LIST) -> dict[str, Topic]:
    """Return the topics of a list, by name."""
    return TypeAdapter(dict[str, Topic]).validate_python(tomllib.loads(path.read_text(encoding="utf-8")))


@cache
def max_record_bytes(topic: str) -> int:
    """Return the bytes of the largest record that a topic of the list is made for."""
    return load()[topic].max_record_kib * 1024


def create(settings: KafkaSettings, topics: dict[str, Topic], *, production: bool = False) -> list[str]:
    """Create the missing topics and return their names; safe to repeat while the system runs.

    Args:
        settings: how to reach the broker, and how topics are created.
        topics: those that there have to be, by name.
        production: whether an acknowledged record must outlive the loss of a broker.

    Raises:
        ConfigurationError: a topic exists with another partition count, which would break the order of its keys; or
            this is production, and a topic has or would get too few copies.
        Retryable: the broker is unavailable.

    """
    if production and settings.replication_factor < SAFE_REPLICATION:
        raise ConfigurationError(
            f"production needs {SAFE_REPLICATION} copies of each record, so that none is lost with a broker: set "
            f"DUBAN_KAFKA_REPLICATION_FACTOR={SAFE_REPLICATION}, not {settings.replication_factor}"
        )
    try:
        admin = KafkaAdminClient(**client_options(settings), client_id="duban-topics", request_timeout_ms=15_000)
    except KafkaConfigurationError:
        raise
    except KafkaError as error:
        raise _unavailable(settings, error) from error
    try:
        present = set(admin.list_topics())
        _check_existing(admin, [name for name in topics if name in present], settings, production=production)
        missing = [name for name in topics if name not in present]
        created = []
        for name in missing:
            try:
                admin.create_topics(
                    [
                        NewTopic(
                            name,
                            num_partitions=settings.partitions,
                            replication_factor=settings.replication_factor,
                            topic_configs=topics[name].configuration(settings.replication_factor),
                        )
                    ]
                )
            except TopicAlreadyExistsError:
                # Another process was first, or the broker's list was not yet complete.
                continue
            created.append(name)
        return created
    except KafkaConfigurationError:
        raise
    except KafkaError as error:
        raise _unavailable(settings, error) from error
    finally:
        admin.close()


def _check_existing(admin: KafkaAdminClient, names: list[str], settings: KafkaSettings, *, production: bool) -> None:
    for topic in admin.describe_topics(names):
        _check_partitions(topic, settings, production=production)
    if production and names:
        _check_insync_replicas(admin, names)


def _check_partitions(topic: Mapping[str, Any], settings: KafkaSettings, *, production: bool) -> None:
    name, count = topic["name"], len(topic["partitions"])
    if count != settings.partitions:
        raise ConfigurationError(
            f"topic {name} has {count} partitions, not {settings.partitions}: set DUBAN_KAFKA_PARTITIONS={count}, or "
            "follow docs/partitions.md"
        )
    copies = min(len(partition["replica_nodes"]) for partition in topic["partitions"])
    if production and copies < SAFE_REPLICATION:
        raise ConfigurationError(
            f"topic {name} has partitions of {copies} copies, and production needs {SAFE_REPLICATION}: add replicas "
            "with kafka-reassign-partitions.sh"
        )


def _check_insync_replicas(admin: KafkaAdminClient, names: list[str]) -> None:
    wanted = [ConfigResource(ConfigResourceType.TOPIC, name, [MIN_INSYNC]) for name in names]
    for topics in admin.describe_configs(wanted, config_filter="all").values():
        for name, values in topics.items():
            required = int(values[MIN_INSYNC]["value"])
            if required < min_insync_replicas(SAFE_REPLICATION):
                raise ConfigurationError(
                    f"topic {name} acknowledges a record with {required} copy: run kafka-configs.sh --alter --topic "
                    f"{name} --add-config {MIN_INSYNC}={min_insync_replicas(SAFE_REPLICATION)}"
                )


def _unavailable(settings: KafkaSettings, error: KafkaError) -> Retryable:
    return Retryable(f"the broker at {settings.bootstrap_servers} is unavailable ({type(error).__name__})")
