"""What intake is told by its environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from services.shared.runtime.settings import Settings


class IntakeSettings(Settings):
    """Settings of intake alone, beside those of every service."""

    http_host: str = "127.0.0.1"
    """Address on which the HTTP door listens."""
    http_port: int = 8080
    """Port of the HTTP door."""
    channel_policy: str = "carrier"
    """Pack under which contacts of the channel topics run."""
    channels: Path | None = None
    """TOML file with a table for each channel that has settings of its own: docs/channels.md."""
    mappings: Path | None = None
    """Folder with mappings of the operator's own; one of the same name goes before the one that comes with Duban."""
    data: Path = Path(".duban")
    """Folder for what is kept outside broker and database."""
    attachments: Path = Field(default_factory=lambda fields: fields["data"] / "attachments")
    """Folder in which attachments are kept; default: `attachments` in DUBAN_DATA."""
    mail_host: str = "127.0.0.1"
    """Address on which the SMTP door listens."""
    mail_port: int = 0
    """Port of the SMTP door; 0: there is none."""
    mail_recipients: tuple[str, ...] = ()
    """Addresses that take complaints; empty: every address."""
    mail_certificate: Path | None = None
    """Certificate chain of the SMTP door, PEM; with one it offers STARTTLS."""
    mail_key: Path | None = None
    """Key of that certificate, PEM."""
    receipt_fields: dict[Literal["id", "provider_id", "state", "reason"], str] = Field(
        default={"id": "id", "provider_id": "provider_id", "state": "state", "reason": "reason"}
    )
    """What the SMS gateway calls the fields of a delivery report; one that is left out is not looked at."""
    receipt_words: dict[str, Literal["delivered", "failed", "ignored"]] = Field(
        default={"delivered": "delivered", "failed": "failed"}
    )
    """What its words for the state mean; ignored: nothing has been decided yet."""
    acknowledge_within: float = 4.0
    """Real seconds within which the broker has to acknowledge; then the sender gets 503."""
    in_flight: int = 5000
    """Records that may wait for the broker at once; more senders get 503."""
