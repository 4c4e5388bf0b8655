"""Settings of the notifier, read from `DUBAN_*` environment variables."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from services.shared.runtime.settings import KeyedSettings


class NotifierSettings(KeyedSettings):
    """Settings of the notifier, in addition to those of every service."""

    smtp_host: str = "127.0.0.1"
    """Host of the mail server that letters go to."""
    smtp_port: int = 25
    """Its port: 25, 587 for starttls, 465 for implicit."""
    smtp_tls: Literal["none", "starttls", "implicit"] = "none"
    """implicit: TLS from the first byte on, as on port 465. The server's certificate is verified."""
    smtp_ca: Path | None = None
    """CA certificates, PEM, for the mail server's certificate; none: those that the operating system trusts."""
    smtp_user: str = ""
    """Refused in production without TLS, since the password would be sent in clear text."""
    smtp_password: SecretStr = SecretStr("")
    """Password of that user."""
    mail_from: str = "complaints@carrier.example"
    """Sender of every letter by mail; its domain is that of the Message-IDs."""
    sms_url: str = "http://127.0.0.1:8090/messages"
    """Where the SMS gateway takes messages: an HTTP POST with a JSON object each."""
    sms_token: SecretStr = SecretStr("")
    """Sent to the gateway as `Authorization: Bearer`; empty: no such header."""
    sms_fields: dict[Literal["id", "to", "text"], str] = Field(default={"id": "id", "to": "to", "text": "text"})
    """The gateway's names for our fields; a field that is left out is not sent."""
    sms_also: dict[str, str] = Field(default_factory=dict)
    """Further fields of the request, such as the account."""
    sms_provider_id: str = "provider_id"
    """Field of the gateway's response that holds its own id."""
    sms_success: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Fields of the response and the values that mean the message was accepted; none: every response 2xx does."""
    sms_refused: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Fields of the response and the values that reject one message, such as a wrong number; others mean an outage."""
    sms_parts: int = Field(default=10, ge=1)
    """Messages into which one letter is split at the most; a longer one is cut and ends with the ticket's number."""
    patience: dict[Literal["1", "2", "3"], float] = Field(default={"1": 1.0, "2": 4.0, "3": 12.0})
    """Real hours, by urgency, for which a channel is retried before the next one is used."""
    last_patience: float = 24.0
    """Real hours for which the last channel is retried, before a notice counts as failed."""
    first_retry: float = 2.0
    """Real seconds before the second attempt; the delay doubles with each further one."""
    lease: float = 60.0
    """Real seconds after which a notice that was leased and not settled is leased again."""
    provider_timeout: float = 10.0
    """Real seconds after which a provider that does not answer counts as unavailable."""
    webhook_timeout: float = 15.0
    """Real seconds within which a receiver of webhooks has to answer."""
    webhook_private: bool = False
    """Whether webhooks may go to addresses that are not public."""
    webhook_pace: float = 1.0
    """Factor by which the retry delays of webhooks are multiplied; tests use a small one."""
    public_url: str = ""
    """Public address of intake's pages, such as https://complaints.carrier.example; empty: letters hold no links."""
