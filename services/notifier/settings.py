"""What the notifier is told by its environment."""

from typing import Literal

from pydantic import Field, SecretStr

from services.shared.settings import Settings


class NotifierSettings(Settings):
    """Settings of the notifier alone, beside those of every service."""

    smtp_host: str = "127.0.0.1"
    smtp_port: int = 25
    smtp_tls: bool = False
    """STARTTLS before the first message."""
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    mail_from: str = "complaints@carrier.example"
    sms_url: str = "http://127.0.0.1:8090/messages"
    sms_token: SecretStr = SecretStr("")
    sms_fields: dict[Literal["id", "to", "text"], str] = Field(default={"id": "id", "to": "to", "text": "text"})
    """What the gateway calls our fields; one that is left out is not sent."""
    sms_also: dict[str, str] = Field(default_factory=dict)
    """What the gateway wants beside them, such as the account."""
    sms_provider_id: str = "provider_id"
    """Where the gateway's answer has its own id."""
    attempts: int = 6
    """Attempts before a notice counts as failed."""
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
