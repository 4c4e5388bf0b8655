"""What the notifier is told by its environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from services.shared.runtime.settings import Settings


class NotifierSettings(Settings):
    """Settings of the notifier alone, beside those of every service."""

    smtp_host: str = "127.0.0.1"
    """Host of the mail server that letters go to."""
    smtp_port: int = 25
    """Its port: 25, 587 for starttls, 465 for implicit."""
    smtp_tls: Literal["none", "starttls", "implicit"] = "none"
    """implicit: from the first byte on, as on port 465. The server's certificate is checked."""
    smtp_ca: Path | None = None
    """Certificates, PEM, that sign the mail server's; none: those that the system trusts."""
    smtp_user: str = ""
    """Refused in production without TLS: the password would be readable on its way."""
    smtp_password: SecretStr = SecretStr("")
    """Password of that user."""
    mail_from: str = "complaints@carrier.example"
    """Sender of every letter by mail; its domain is that of the Message-IDs."""
    sms_url: str = "http://127.0.0.1:8090/messages"
    """Where the SMS gateway takes messages: an HTTP POST with a JSON object each."""
    sms_token: SecretStr = SecretStr("")
    """Sent to the gateway as `Authorization: Bearer`; empty: no such header."""
    sms_fields: dict[Literal["id", "to", "text"], str] = Field(default={"id": "id", "to": "to", "text": "text"})
    """What the gateway calls our fields; one that is left out is not sent."""
    sms_also: dict[str, str] = Field(default_factory=dict)
    """What the gateway wants beside them, such as the account."""
    sms_provider_id: str = "provider_id"
    """Where the gateway's answer has its own id."""
    sms_success: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Fields of the gateway's answer and the values that say it took the message; none: every answer 2xx does."""
    sms_refused: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Fields and values that speak of this one message, such as a wrong number; others are trouble of the gateway."""
    sms_parts: int = Field(default=10, ge=1)
    """Messages that one letter may be at the most; a longer one is cut and ends with the ticket's number."""
    patience: dict[Literal["1", "2", "3"], float] = Field(default={"1": 1.0, "2": 4.0, "3": 12.0})
    """Real hours, by urgency, in which a means that is away or busy is tried before the next one is."""
    last_patience: float = 24.0
    """Real hours for the last means, before a notice counts as failed."""
    first_retry: float = 2.0
    """Real seconds to the second attempt; the spacing doubles."""
    lease: float = 60.0
    """Real seconds after which a notice that a worker took and did not settle is tried again."""
    provider_timeout: float = 10.0
    """Real seconds after which a provider that does not answer counts as away."""
    webhook_timeout: float = 15.0
    """Real seconds in which a receiver of webhooks has to answer."""
    webhook_private: bool = False
    """Whether webhooks may go to addresses that are not public."""
    webhook_pace: float = 1.0
    """Share of the standard's waits between attempts; tests use a small one."""
    public_url: str = ""
    """Where customers reach intake's pages, such as https://complaints.carrier.example; empty: no links are sent."""
