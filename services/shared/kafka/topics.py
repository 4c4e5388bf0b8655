"""Topics are created from `schemas/topics.toml`, the one list; an existing topic is checked, never changed silently."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from kafka.errors import KafkaConfigurationError, KafkaError, TopicAlreadyExistsError
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from services.shared.kafka.connection import connection
from services.shared.runtime import package_data
from services.shared.runtime.errors import ConfigurationError, Retryable
from services.shared.runtime.settings import KafkaSettings

LIST = package_data.folder("schemas") / "topics.toml"
HOUR = 3_600_000


class Topic(BaseModel):
    """One entry of the list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    model: str | None = None
    """`module:Class` of the value; None for a foreign topic."""
    foreign: bool = False
    """In the words of a channel, not ours."""
    key: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    cleanup: Literal["delete", "compact"]
    retention_hours: Annotated[int, Field(ge=0)]
    max_record_kib: Annotated[int, Field(gt=0)]

    def configuration(self) -> dict[str, str]:
        """Return the broker's settings for it."""
        return {
            "cleanup.policy": self.cleanup,
            "retention.ms": str(self.retention_hours * HOUR if self.retention_hours else -1),
            "max.message.bytes": str(self.max_record_kib * 1024 + 64 * 1024),
        }


def load(path: Path = LIST) -> dict[str, Topic]:
    """Read the list."""
    return TypeAdapter(dict[str, Topic]).validate_python(tomllib.loads(path.read_text(encoding="utf-8")))


def create(settings: KafkaSettings, topics: dict[str, Topic]) -> list[str]:
    """Create the topics that are missing and return their names; safe to repeat while everything runs.

    Raises:
        ConfigurationError: a topic exists with another partition count, which would break the order of its keys.
        Retryable: the broker is away.

    """
    try:
        admin = KafkaAdminClient(**connection(settings), client_id="duban-topics", request_timeout_ms=15_000)
    except KafkaConfigurationError:
        raise
    except KafkaError as error:
        raise Retryable(f"the broker at {settings.bootstrap_servers} is away ({type(error).__name__})") from error
    try:
        present = set(admin.list_topics())
        for each in admin.describe_topics([name for name in topics if name in present]):
            count = len(each["partitions"])
            if count != settings.partitions:
                raise ConfigurationError(
                    f"topic {each['topic'] if 'topic' in each else each['name']} has {count} partitions, not "
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
                # Another process was first, or the list above was not yet complete.
                continue
            created.append(name)
        return created
    except KafkaConfigurationError:
        raise
    except KafkaError as error:
        raise Retryable(f"the broker at {settings.bootstrap_servers} is away ({type(error).__name__})") from error
    finally:
        admin.close()
