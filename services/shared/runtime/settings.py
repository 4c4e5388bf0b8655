"""What every service is told by its environment: `DUBAN_*` variables, the same on a laptop and in a cluster."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.shared.runtime import package_data


class KafkaSettings(BaseSettings):
    """How to reach the broker."""

    model_config = SettingsConfigDict(env_prefix="DUBAN_KAFKA_", frozen=True)

    bootstrap_servers: str = "127.0.0.1:9092"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    session_timeout_ms: int = 10_000
    """How long a consumer may be silent before its partitions are given to another."""
    partitions: int = 12
    """Partition count of topics at their creation."""
    replication_factor: int = 1


class Settings(BaseSettings):
    """What every service needs."""

    model_config = SettingsConfigDict(env_prefix="DUBAN_", frozen=True)

    environment: Literal["production", "staging", "local", "test"] = "local"
    instance: str = ""
    """Stable name of this process in its consumer group; empty: the service's name and `-0`."""
    database_url: SecretStr = SecretStr("postgresql://127.0.0.1/duban")
    operations_host: str = "127.0.0.1"
    operations_port: int = 0
    """Port of /livez, /readyz and /metrics; 0: any free one."""
    policies: Path = Field(default_factory=lambda: package_data.folder("policies"))
    """Folder of the policy packs; default: those that come with Duban. `duban policy export` writes one out to edit."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    batch_size: int = Field(default=500, ge=1)
    """Records handled in one transaction at the most."""
    dead_letters_per_hour: int = Field(default=1000, ge=1)
    """Of one sender on one topic; one more stops the service (DESIGN 3)."""
    contact_key_secret: SecretStr = SecretStr("change-me")
    """Keys the hash that contacts are partitioned by; the same in every service of a deployment."""
    faults: Path | None = None
    """Folder in which a fault test arms the named crash points; refused in production."""
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
