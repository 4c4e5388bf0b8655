"""Settings of intake, from environment variables."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from services.shared.runtime.settings import KeyedSettings


class IntakeSettings(KeyedSettings):
    """Settings that only intake has, besides those of every service."""

    http_host: str = "127.0.0.1"
    """Address on which the HTTP door listens."""
    http_port: int = 8080
    """Port of the HTTP door."""
    channel_policy: str = "carrier"
    """Policy pack of messages without a key, such as those of the channel topics."""
    channels: Path | None = None
    """TOML file with a table per channel that has settings of its own; see docs/channels.md."""
    mappings: Path | None = None
    """Folder with the operator's own mappings; one of the same name replaces the one that comes with Duban."""
    data: Path = Path(".duban")
    """Folder for what is kept outside broker and database."""
    attachments: Path = Field(default_factory=lambda fields: fields["data"] / "attachments")
    """Folder in which attachments are kept; default: `attachments` in DUBAN_DATA."""
    attachments_bucket: str = ""
    """Bucket of an object store in which attachments are kept instead, for intake on several hosts; needs duban[s3]."""
    attachments_endpoint: str | None = None
    """URL of an object store that speaks S3; not set: Amazon's. Credentials come from the client's usual places, such
    as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."""
    mail_host: str = "127.0.0.1"
    """Address on which the SMTP door listens."""
    mail_port: int = 0
    """Port of the SMTP door; 0: there is none."""
    mail_recipients: tuple[str, ...] = ()
    """Addresses that accept complaints; empty: every address."""
    mail_certificate: Path | None = None
    """Certificate chain of the SMTP door, PEM; with one it offers STARTTLS."""
    mail_key: Path | None = None
    """Key of that certificate, PEM."""
    receipt_fields: dict[Literal["id", "provider_id", "state", "reason"], str] = Field(
        default={"id": "id", "provider_id": "provider_id", "state": "state", "reason": "reason"}
    )
    """Names of a delivery report's fields at the SMS gateway; a field that is left out is not read."""
    receipt_words: dict[str, Literal["delivered", "failed", "ignored"]] = Field(
        default={"delivered": "delivered", "failed": "failed"}
    )
    """Meaning of the gateway's words for the state; ignored: not final yet."""
    acknowledge_within: float = 4.0
    """Real seconds within which the broker must acknowledge; after that the sender gets 503."""
    in_flight: int = 5000
    """Records that may wait for the broker at once; beyond that senders get 503."""
    searches_per_minute: int = Field(default=60, ge=1)
    """Searches for a person, by phone or identity, that each key may make in a minute, at all doors together."""
    access_days: int = Field(default=1095, ge=180)
    """Days for which it is kept who read which ticket; what is older is deleted."""
    api_docs: Literal["open", "key"] | None = None
    """Whether /docs and /openapi.json need a key; not set: they do in production."""
