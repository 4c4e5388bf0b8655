"""Settings of every service, read from `DUBAN_*` environment variables."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.shared.runtime import package_data
from services.shared.runtime.errors import ConfigurationError

PUBLIC_SECRET = "change-me"  # noqa: S105 - a default that production refuses
"""Default of the secrets that have one; whoever has read this knows it."""


class KafkaSettings(BaseSettings):
    """Connection to Kafka, and how topics are created."""

    model_config = SettingsConfigDict(env_prefix="DUBAN_KAFKA_", frozen=True)

    bootstrap_servers: str = "127.0.0.1:9092"
    """Brokers to ask first: host:port, comma between them."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How connections are protected and how the client proves who it is."""
    ssl_cafile: str | None = None
    """File of the certificates, PEM, that sign the broker's; not set: those that the system trusts."""
    ssl_certfile: str | None = None
    """File of the client's own certificate, PEM."""
    ssl_keyfile: str | None = None
    """File of the key of that certificate, PEM."""
    sasl_mechanism: str | None = None
    """Such as PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; for the SASL protocols."""
    sasl_username: str | None = None
    """User of the SASL protocols."""
    sasl_password: SecretStr | None = None
    """Password of that user."""
    session_timeout_ms: int = 10_000
    """Milliseconds without a heartbeat after which a consumer's partitions are given to another."""
    partitions: int = 12
    """Partitions of a topic when it is created."""
    replication_factor: int = 1
    """Copies of each partition of topics at their creation; 3 on a cluster of three brokers or more."""


class Settings(BaseSettings):
    """Settings that every service has; a service with more of its own inherits from this."""

    model_config = SettingsConfigDict(env_prefix="DUBAN_", frozen=True)

    environment: Literal["production", "staging", "local", "test"] = "local"
    """What the deployment is; production refuses a scaled clock, armed crash points and a password without TLS."""
    instance: str = ""
    """Stable id of this process in its consumer group; empty: service, host name and the lowest free slot there."""
    slots: Path | None = None
    """Folder of this host's lock files, by which processes without DUBAN_INSTANCE get names; not set: `duban-<uid>`
    in the system's folder for temporary files."""
    database_url: SecretStr = SecretStr("postgresql://127.0.0.1/duban")
    """The PostgreSQL database, as the service's own role."""
    operations_host: str = "127.0.0.1"
    """Address on which /livez, /readyz and /metrics are answered."""
    operations_port: int = 0
    """Port of /livez, /readyz and /metrics; 0: any free one."""
    policies: Path = Field(default_factory=lambda: package_data.folder("policies"))
    """Folder of the policy packs; default: those that come with Duban. `duban policy export` writes one out to edit."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least important lines that are logged."""
    batch_size: int = Field(default=500, ge=1)
    """Maximum number of records handled in one transaction."""
    dead_letters_per_hour: int = Field(default=1000, ge=1)
    """Dead letters of one sender on one topic within an hour; one more bars it there for an hour (DECISIONS 41)."""
    bugs_per_ten_minutes: int = Field(default=100, ge=1)
    """Records of one topic on which our own code may fail within ten minutes; one more stops the loop (DESIGN 3)."""
    faults: Path | None = None
    """Folder in which a fault test arms crash points (see `crash_points`); refused in production."""
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)

    def refuse_unsafe(self) -> None:
        """Refuse what is for demos and tests only.

        Raises:
            ConfigurationError: this is production, and a setting is not for production; names the setting.

        """
        if self.environment == "production" and self.faults is not None:
            raise ConfigurationError("DUBAN_FAULTS is for tests: unset it, or DUBAN_ENVIRONMENT=production")


class KeyedSettings(Settings):
    """Settings of a service that computes keyed hashes; a service with more of its own inherits from this."""

    contact_key_secret: SecretStr = SecretStr(PUBLIC_SECRET)
    """Secret key of the hash that contacts are partitioned by, and of the links to surveys; the same in every service.
    Production refuses the default."""

    def refuse_unsafe(self) -> None:
        """Refuse what is for demos and tests only; raises as that of every service."""
        super().refuse_unsafe()
        if self.environment == "production" and self.contact_key_secret.get_secret_value() == PUBLIC_SECRET:
            raise ConfigurationError(
                "set DUBAN_CONTACT_KEY_SECRET to a long random text, the same for intake, router and notifier: record "
                "keys and links to surveys are signed with it, and its default is public"
            )
