"""Creates the topics listed in `schemas/topics.toml`; an existing topic is checked, never changed silently."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from kafka.errors import KafkaConfigurationError, KafkaError, TopicAlreadyExistsError
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from services.shared.kafka.connection import client_options
from services.shared.runtime import package_data
from services.shared.runtime.errors import ConfigurationError, Retryable
from services.shared.runtime.settings import KafkaSettings

LIST = package_data.folder("schemas") / "topics.toml"
HOUR = 3_600_000


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

    def configuration(self) -> dict[str, str]:
        """Return the topic's configuration for the broker."""
        return {
            "cleanup.policy": self.cleanup,
            "retention.ms": str(self.retention_hours * HOUR if self.retention_hours else -1),
            "max.message.bytes": str(self.max_record_kib * 1024 + 64 * 1024),
        }


def load(path: Path = LIST) -> dict[str, Topic]:
    """Return the topics of a list, by name."""
    return TypeAdapter(dict[str, Topic]).validate_python(tomllib.loads(path.read_text(encoding="utf-8")))


@cache
def max_record_bytes(topic: str) -> int:
    """Return the bytes of the largest record that a topic of the list is made for."""
    return load()[topic].max_record_kib * 1024


def create(settings: KafkaSettings, topics: dict[str, Topic]) -> list[str]:
    """Create the missing topics and return their names; safe to repeat while the system runs.

    Raises:
        ConfigurationError: a topic exists with another partition count, which would break the order of its keys.
        Retryable: the broker is unavailable.

    """
    try:
        admin = KafkaAdminClient(**client_options(settings), client_id="duban-topics", request_timeout_ms=15_000)
    except KafkaConfigurationError:
        raise
    except KafkaError as error:
        raise _unavailable(settings, error) from error
    try:
        present = set(admin.list_topics())
        for topic in admin.describe_topics([name for name in topics if name in present]):
            count = len(topic["partitions"])
            if count != settings.partitions:
                raise ConfigurationError(
                    f"topic {topic['topic'] if 'topic' in topic else topic['name']} has {count} partitions, not "
                    f"{settings.partitions}: set DUBAN_KAFKA_PARTITIONS={count}, or follow docs/partitions.md"
                )
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
                            topic_configs=topics[name].configuration(),
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


def _unavailable(settings: KafkaSettings, error: KafkaError) -> Retryable:
    return Retryable(f"the broker at {settings.bootstrap_servers} is unavailable ({type(error).__name__})")
